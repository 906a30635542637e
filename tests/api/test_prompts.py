"""Prompts: making, sharing, versions that are compared and put into use again."""

from __future__ import annotations

import asyncio
from typing import Any

from conftest import Person, Server

PROMPTS = "/api/v1/prompts"
EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


def form(command: str = "hello", **more: Any) -> dict[str, Any]:
    return {"command": command, "name": command.title(), "content": f"Say {command}.", **more}


def grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def allow(ada: Person, **workspace: bool) -> None:
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["workspace"] |= workspace
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()


async def test_a_command_belongs_to_one_prompt_also_when_two_ask_at_once(ada: Person) -> None:
    replies = await asyncio.gather(*(ada.post(f"{PROMPTS}/create", form()) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]
    taken = "Uh-oh! This command is already registered. Please choose another command string."
    other = (await ada.post(f"{PROMPTS}/create", form("other"))).ok()
    (await ada.post(f"{PROMPTS}/id/{other['id']}/update", form())).refused(400, taken)
    (await ada.post(f"{PROMPTS}/id/{other['id']}/update/meta", {"name": "x", "command": "hello"})).refused(400, taken)


async def test_making_prompts_needs_a_permission_and_sharing_them_another(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    (await bob.post(f"{PROMPTS}/create", form())).refused(401)
    await allow(ada, prompts=True)
    made = (await bob.post(f"{PROMPTS}/create", form(access_grants=EVERYBODY))).ok()
    assert made["access_grants"] == []
    share = f"{PROMPTS}/id/{made['id']}/access/update"
    (await bob.post(share, {"access_grants": EVERYBODY})).refused(403)
    shared = (await ada.post(share, {"access_grants": EVERYBODY})).ok()
    assert [one["principal_id"] for one in shared["access_grants"]] == ["*"]


async def test_who_may_only_read_changes_nothing(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    made = (await ada.post(f"{PROMPTS}/create", form(access_grants=[grant(bob, "read")]))).ok()
    one = f"{PROMPTS}/id/{made['id']}"
    assert (await bob.get(one)).ok()["write_access"] is False
    for path, body in (
        ("update", form(name="Mine")),
        ("update/meta", {"name": "Mine", "command": "mine"}),
        ("update/version", {"version_id": made["version_id"]}),
        ("access/update", {"access_grants": []}),
        ("toggle", None),
    ):
        (await bob.post(f"{one}/{path}", body)).refused(401)
    (await bob.delete(f"{one}/delete")).refused(401)
    (await bob.delete(f"{one}/history/{made['version_id']}")).refused(401)
    assert (await ada.get(one)).ok()["name"] == "Hello"


async def test_versions_are_compared_and_put_into_use_again(ada: Person) -> None:
    made = (await ada.post(f"{PROMPTS}/create", form(tags=["old"]))).ok()
    one, first = f"{PROMPTS}/id/{made['id']}", made["version_id"]
    same = (await ada.post(f"{one}/update", form(tags=["old"]))).ok()
    assert same["version_id"] == first
    second = (await ada.post(f"{one}/update", form(content="Say it.\nLoud.", tags=["new"]))).ok()["version_id"]
    found = (await ada.get(f"{one}/history/diff", from_id=first, to_id=second)).ok()
    assert found["content_diff"][3:] == ["-Say hello.", "+Say it.", "+Loud."] and not found["name_changed"]
    draft = (await ada.post(f"{one}/update", form(content="Draft", is_production=False))).ok()
    assert draft["content"] == "Say it.\nLoud." and draft["version_id"] == second
    back = (await ada.post(f"{one}/update/version", {"version_id": first})).ok()
    assert (back["content"], back["tags"], back["version_id"]) == ("Say hello.", ["old"], first)
    (await ada.delete(f"{one}/history/{first}")).refused(400, "Cannot delete the active production version")
    assert (await ada.delete(f"{one}/history/{second}")).ok() is True
    history = (await ada.get(f"{one}/history")).ok()
    assert len(history) == 2 and {entry["parent_id"] for entry in history} <= {None, first}


async def test_versions_of_another_prompt_are_out_of_reach(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    await allow(ada, prompts=True)
    secret = (await ada.post(f"{PROMPTS}/create", form("secret"))).ok()["version_id"]
    made = (await bob.post(f"{PROMPTS}/create", form("mine"))).ok()
    one = f"{PROMPTS}/id/{made['id']}"
    (await bob.get(f"{one}/history/{secret}")).refused(404)
    (await bob.get(f"{one}/history/diff", from_id=secret, to_id=secret)).refused(404)
    (await bob.post(f"{one}/update/version", {"version_id": secret})).refused(400)
    (await bob.delete(f"{one}/history/{secret}")).refused(404)


async def test_a_deleted_prompt_leaves_nothing(ada: Person) -> None:
    made = (await ada.post(f"{PROMPTS}/create", form(access_grants=EVERYBODY))).ok()
    assert (await ada.delete(f"{PROMPTS}/id/{made['id']}/delete")).ok() is True
    (await ada.get(f"{PROMPTS}/id/{made['id']}/history")).refused(404)
    again = (await ada.post(f"{PROMPTS}/create", form())).ok()
    assert again["access_grants"] == [] and len((await ada.get(f"{PROMPTS}/id/{again['id']}/history")).ok()) == 1
