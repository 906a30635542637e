"""Prompts: creation, sharing, and revisions that are compared and restored."""

from __future__ import annotations

import asyncio
from typing import Any

from conftest import Person, Server

PROMPTS = "/api/v1/prompts"
PUBLIC_GRANTS = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


def make_form(command: str = "hello", **more: Any) -> dict[str, Any]:
    return {"command": command, "name": command.title(), "content": f"Say {command}.", **more}


def make_grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def set_default_permissions(ada: Person, **workspace: bool) -> None:
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["workspace"] |= workspace
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()


async def test_a_command_belongs_to_one_prompt_even_if_created_concurrently(ada: Person) -> None:
    replies = await asyncio.gather(*(ada.post(f"{PROMPTS}/create", make_form()) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]
    command_taken = "Uh-oh! This command is already registered. Please choose another command string."
    other = (await ada.post(f"{PROMPTS}/create", make_form("other"))).ok()
    (await ada.post(f"{PROMPTS}/id/{other['id']}/update", make_form())).refused(400, command_taken)
    (await ada.post(f"{PROMPTS}/id/{other['id']}/update/meta", {"name": "x", "command": "hello"})).refused(
        400, command_taken
    )


async def test_creating_and_sharing_prompts_need_separate_permissions(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    (await bob.post(f"{PROMPTS}/create", make_form())).refused(401)
    await set_default_permissions(ada, prompts=True)
    created = (await bob.post(f"{PROMPTS}/create", make_form(access_grants=PUBLIC_GRANTS))).ok()
    assert created["access_grants"] == []
    share_url = f"{PROMPTS}/id/{created['id']}/access/update"
    (await bob.post(share_url, {"access_grants": PUBLIC_GRANTS})).refused(403)
    shared = (await ada.post(share_url, {"access_grants": PUBLIC_GRANTS})).ok()
    assert [grant_entry["principal_id"] for grant_entry in shared["access_grants"]] == ["*"]


async def test_readers_cannot_change_a_prompt(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    created = (await ada.post(f"{PROMPTS}/create", make_form(access_grants=[make_grant(bob, "read")]))).ok()
    prompt_url = f"{PROMPTS}/id/{created['id']}"
    assert (await bob.get(prompt_url)).ok()["write_access"] is False
    for path, body in (
        ("update", make_form(name="Mine")),
        ("update/meta", {"name": "Mine", "command": "mine"}),
        ("update/version", {"version_id": created["version_id"]}),
        ("access/update", {"access_grants": []}),
        ("toggle", None),
    ):
        (await bob.post(f"{prompt_url}/{path}", body)).refused(401)
    (await bob.delete(f"{prompt_url}/delete")).refused(401)
    (await bob.delete(f"{prompt_url}/history/{created['version_id']}")).refused(401)
    assert (await ada.get(prompt_url)).ok()["name"] == "Hello"


async def test_revisions_are_compared_and_restored(ada: Person) -> None:
    created = (await ada.post(f"{PROMPTS}/create", make_form(tags=["old"]))).ok()
    prompt_url, first = f"{PROMPTS}/id/{created['id']}", created["version_id"]
    unchanged = (await ada.post(f"{prompt_url}/update", make_form(tags=["old"]))).ok()
    assert unchanged["version_id"] == first
    second = (await ada.post(f"{prompt_url}/update", make_form(content="Say it.\nLoud.", tags=["new"]))).ok()[
        "version_id"
    ]
    difference = (await ada.get(f"{prompt_url}/history/diff", from_id=first, to_id=second)).ok()
    assert difference["content_diff"][3:] == ["-Say hello.", "+Say it.", "+Loud."] and not difference["name_changed"]
    draft = (await ada.post(f"{prompt_url}/update", make_form(content="Draft", is_production=False))).ok()
    assert draft["content"] == "Say it.\nLoud." and draft["version_id"] == second
    restored = (await ada.post(f"{prompt_url}/update/version", {"version_id": first})).ok()
    assert (restored["content"], restored["tags"], restored["version_id"]) == ("Say hello.", ["old"], first)
    (await ada.delete(f"{prompt_url}/history/{first}")).refused(400, "Cannot delete the active production version")
    assert (await ada.delete(f"{prompt_url}/history/{second}")).ok() is True
    history = (await ada.get(f"{prompt_url}/history")).ok()
    assert len(history) == 2 and {entry["parent_id"] for entry in history} <= {None, first}


async def test_revisions_of_another_prompt_are_inaccessible(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    await set_default_permissions(ada, prompts=True)
    secret_version = (await ada.post(f"{PROMPTS}/create", make_form("secret"))).ok()["version_id"]
    created = (await bob.post(f"{PROMPTS}/create", make_form("mine"))).ok()
    prompt_url = f"{PROMPTS}/id/{created['id']}"
    (await bob.get(f"{prompt_url}/history/{secret_version}")).refused(404)
    (await bob.get(f"{prompt_url}/history/diff", from_id=secret_version, to_id=secret_version)).refused(404)
    (await bob.post(f"{prompt_url}/update/version", {"version_id": secret_version})).refused(400)
    (await bob.delete(f"{prompt_url}/history/{secret_version}")).refused(404)


async def test_a_deleted_prompt_leaves_nothing(ada: Person) -> None:
    created = (await ada.post(f"{PROMPTS}/create", make_form(access_grants=PUBLIC_GRANTS))).ok()
    assert (await ada.delete(f"{PROMPTS}/id/{created['id']}/delete")).ok() is True
    (await ada.get(f"{PROMPTS}/id/{created['id']}/history")).refused(404)
    recreated = (await ada.post(f"{PROMPTS}/create", make_form())).ok()
    assert (
        recreated["access_grants"] == [] and len((await ada.get(f"{PROMPTS}/id/{recreated['id']}/history")).ok()) == 1
    )
