"""Plugins read users: awaited or not, on the event loop, in threads and in loops of their own."""

from __future__ import annotations

import pytest

from conftest import Person
from plugin_probe import run_in_plugin
from queued_model import QueuedModel

IMPORTS = "from open_webui.models.users import UserModel, Users"


@pytest.mark.parametrize(
    "call",
    [
        "await Users.get_user_by_id(user['id'])",
        "Users.get_user_by_id(user['id'])",
        "Users.get_user_by_id(id=user['id'])",
        "await asyncio.wait_for(Users.get_user_by_id(user['id']), 5)",
        "(await asyncio.gather(Users.get_user_by_id(user['id']), Users.get_num_users()))[0]",
        "await asyncio.create_task(Users.get_user_by_id(user['id']))",
        "await asyncio.to_thread(Users.get_user_by_id, user['id'])",
        "await asyncio.to_thread(lambda: asyncio.run(Users.get_user_by_id(user['id'])))",
        "__import__('concurrent.futures').futures.ThreadPoolExecutor(1)"
        ".submit(asyncio.run, get_in_other_loop(user['id'])).result()",
    ],
)
async def test_a_user_is_read_awaited_or_not(ada: Person, model: QueuedModel, call: str) -> None:
    helper = f"""{IMPORTS}

async def get_in_other_loop(user_id):
    return await Users.get_user_by_id(user_id)
"""
    result = await run_in_plugin(ada, model, f"return {call}", imports=helper)
    assert result["id"] == ada.id
    assert result["name"] == "Ada"
    assert result["role"] == "admin"
    assert set(result) == set(_USER_FIELDS.split())


_USER_FIELDS = """
    id email username role name profile_image_url profile_banner_image_url bio gender date_of_birth
    timezone presence_state status_emoji status_message status_expires_at info variables settings oauth scim
    last_active_at updated_at created_at"""


async def test_a_result_may_be_awaited_later(ada: Person, model: QueuedModel) -> None:
    code = """
        record = Users.get_user_by_id(user["id"])
        if inspect.isawaitable(record):
            record = await record
        records = [Users.get_user_by_id(user["id"]) for _ in range(2)]
        records = await asyncio.gather(*records)
        missing = Users.get_user_by_id("nobody")
        return [record.name, [record.email for record in records], missing, UserModel(**user).name]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    assert result == ["Ada", ["ada@example.com", "ada@example.com"], None, "Ada"]


async def test_users_are_listed_and_counted(ada: Person, bob: Person, model: QueuedModel) -> None:
    code = """
        listed = await Users.get_users()
        by_id = Users.get_users_by_user_ids([user["id"]])
        return [
            [entry.name for entry in listed["users"]], listed["total"], Users.get_num_users(), Users.has_users(),
            (await Users.get_user_by_email("BOB@example.com")).name, Users.get_first_user().name,
            Users.get_super_admin_user().name, by_id[0].is_active, Users.is_user_active("nobody"),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    assert sorted(result[0]) == ["Ada", "Bob"]
    assert result[1:] == [2, 2, True, "Bob", "Ada", "Ada", True, False]


async def test_an_unknown_name_is_refused_with_its_name(ada: Person) -> None:
    for line in ("from open_webui.nothing import x", "from open_webui.models.users import nothing"):
        form = {"id": "probe", "name": "Probe", "content": f"{line}\nclass Filter: pass", "meta": {"description": ""}}
        detail = (await ada.post("/api/v1/functions/create", form)).refused(400)
        assert detail
