"""Access to chats of others: in shared folders, and through shares that may be continued."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person, Server
from sample_chats import build_chat, create_chat

NOT_FOUND = "We could not find what you're looking for :/"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


def grant_to(person: Person, permission: str = "read") -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


@pytest.fixture
async def team(ada: Person, bob: Person) -> Any:
    """Create a folder of Bob, who may share it, with a chat in it; return the ids of both."""
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["sharing"]["folders"] = True
    permissions["access_grants"]["allow_users"] = True
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    folder = (await bob.post("/api/v1/folders/", {"name": "Team"})).ok()
    document = build_chat(2, params={"seed": 7}, tool_ids=["t"])
    body = {"chat": document, "folder_id": folder["id"], "variables": {"CITY": "Rome"}}
    chat = (await bob.post("/api/v1/chats/new", body)).ok()["id"]
    (await bob.post(f"/api/v1/chats/{chat}/tags", {"name": "Team talk"})).ok()
    return folder["id"], chat


async def share_folder(owner: Person, folder_id: str, *grants: Any, **more: Any) -> None:
    (await owner.post(f"/api/v1/folders/{folder_id}/access/update", {"access_grants": list(grants), **more})).ok()


async def test_readers_of_a_folder_read_its_chats_without_private_fields(bob: Person, cy: Person, team: Any) -> None:
    folder, chat = team
    (await cy.get(f"/api/v1/chats/{chat}")).refused(401, NOT_FOUND)
    (await cy.get(f"/api/v1/chats/{chat}/tags")).refused(401, NOT_FOUND)
    await share_folder(bob, folder, grant_to(cy))
    seen = (await cy.get(f"/api/v1/chats/{chat}")).ok()
    assert seen["variables"] == {} and "params" not in seen["chat"] and "tool_ids" not in seen["chat"]
    assert seen["chat"]["share_mode"] is None
    assert seen["chat"]["history"]["messages"]["u1"]["user"] == {"id": bob.id, "name": "Bob"}
    assert [tag["name"] for tag in (await cy.get(f"/api/v1/chats/{chat}/tags")).ok()] == ["Team talk"]
    own = (await bob.get(f"/api/v1/chats/{chat}")).ok()
    assert own["variables"] == {"CITY": "Rome"} and own["chat"]["params"] == {"seed": 7}
    assert own["chat"]["share_mode"] == "continue"


@pytest.mark.parametrize("mode", [None, "continue"])
async def test_actions_of_the_owner_are_refused_however_a_folder_is_shared(
    bob: Person, cy: Person, team: Any, mode: str | None
) -> None:
    folder, chat = team
    await share_folder(bob, folder, grant_to(cy), grant_to(cy, "write"), share_mode=mode)
    seen = (await cy.get(f"/api/v1/chats/{chat}")).ok()
    assert seen["chat"]["share_mode"] == mode
    path = f"/api/v1/chats/{chat}"
    for method, suffix, body, status in (
        ("POST", "", {"chat": {"title": "Cy's"}}, 401),
        ("DELETE", "", None, 404),
        ("POST", "/pin", None, 401),
        ("GET", "/pinned", None, 401),
        ("POST", "/archive", None, 401),
        ("POST", "/clone", {}, 401),
        ("POST", "/folder", {"folder_id": None}, 401),
        ("POST", "/unread", None, 404),
        ("PATCH", "/params", {}, 401),
        ("POST", "/compact", {}, 401),
        ("POST", "/share", None, 401),
        ("DELETE", "/share", None, 401),
        ("POST", "/tags", {"name": "x"}, 401),
        ("DELETE", "/tags", {"name": "x"}, 401),
        ("POST", "/messages/u1", {"content": "x"}, 401),
        ("DELETE", "/messages/u1", None, 401),
    ):
        (await cy.request(method, f"{path}{suffix}", json=body)).refused(status)
    assert (await bob.get(path)).ok()["title"] == "Talk"


async def test_a_fork_belongs_to_the_user_who_made_it(bob: Person, cy: Person, team: Any) -> None:
    folder, chat = team
    await share_folder(bob, folder, grant_to(cy))
    fork = (await cy.post(f"/api/v1/chats/{chat}/fork", {"message_id": "a1"})).ok()
    assert fork["user_id"] == cy.id and fork["folder_id"] is None and fork["variables"] == {}
    assert "params" not in fork["chat"] and fork["meta"]["forked_from"] == chat
    assert fork["chat"]["history"]["messages"]["u1"]["user"] == {"id": cy.id, "name": "Cy"}


async def test_the_owner_of_a_folder_renames_and_moves_its_chats(bob: Person, cy: Person, team: Any) -> None:
    folder, _ = team
    await share_folder(bob, folder, grant_to(cy, "write"))
    below = (await bob.post("/api/v1/folders/", {"name": "Below", "parent_id": folder})).ok()["id"]
    elsewhere = (await bob.post("/api/v1/folders/", {"name": "Apart"})).ok()["id"]
    chat = (await cy.post("/api/v1/chats/new", {"chat": build_chat(), "folder_id": folder})).ok()["id"]
    path = f"/api/v1/chats/{chat}"
    assert (await bob.post(path, {"chat": {"title": " Ours "}})).ok()["title"] == "Ours"
    (await bob.post(path, {"chat": {"title": "Ours", "models": []}})).refused(401, PROHIBITED)
    (await bob.post(path, {"chat": {"title": " "}})).refused(400, "[ERROR: Invalid title]")
    assert (await bob.post(f"{path}/folder", {"folder_id": below})).ok()["folder_id"] == below
    (await bob.post(f"{path}/folder", {"folder_id": elsewhere})).refused(401)
    (await bob.post(f"{path}/folder", {"folder_id": None})).refused(401)


async def test_a_share_that_may_be_continued_opens_the_chat_itself(ada: Person, bob: Person, cy: Person) -> None:
    chat = await create_chat(bob)
    share = (await bob.post(f"/api/v1/chats/{chat}/share", {"share_mode": "continue"})).ok()["share_id"]
    access = f"/api/v1/chats/shared/{chat}/access/update"
    (await cy.get(f"/api/v1/chats/share/{share}")).refused(401, PROHIBITED)
    (await bob.post(access, {"access_grants": [grant_to(cy)]})).ok()
    (await bob.post(f"/api/v1/chats/{chat}/messages/a3", {"content": "Since then."})).ok()
    for path in (f"/api/v1/chats/share/{share}", f"/api/v1/chats/{chat}"):
        seen = (await cy.get(path)).ok()
        assert seen["id"] == chat and seen["chat"]["share_mode"] == "continue"
        assert seen["chat"]["history"]["messages"]["a3"]["content"] == "Since then."
    # Without this mode, the share shows the chat as it was when the mode was removed.
    (await bob.post(access, {"access_grants": [grant_to(cy)], "share_mode": None})).ok()
    (await bob.post(f"/api/v1/chats/{chat}/messages/a3", {"content": "Not for Cy."})).ok()
    (await cy.get(f"/api/v1/chats/{chat}")).refused(401, NOT_FOUND)
    seen = (await cy.get(f"/api/v1/chats/share/{share}")).ok()
    assert seen["id"] == share and seen["chat"]["history"]["messages"]["a3"]["content"] == "Since then."
    clone = (await cy.post(f"/api/v1/chats/{share}/clone/shared")).ok()
    assert clone["user_id"] == cy.id and clone["title"] == "Clone of Talk"
    assert clone["chat"]["history"]["messages"]["u1"]["user"] == {"id": cy.id, "name": "Cy"}


class TestWithoutAdministrators:
    """Administrators have no access to chats of others."""

    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"ENABLE_ADMIN_CHAT_ACCESS": "false", "ENABLE_ADMIN_EXPORT": "false"}

    async def test_they_read_and_change_no_chats_of_others(self, server: Server, ada: Person, bob: Person) -> None:
        chat = await create_chat(bob)
        (await ada.get(f"/api/v1/chats/{chat}")).refused(401, NOT_FOUND)
        (await ada.get(f"/api/v1/chats/{chat}/tags")).refused(401, NOT_FOUND)
        (await ada.get(f"/api/v1/chats/share/{chat}")).refused(401, NOT_FOUND)
        (await ada.get(f"/api/v1/chats/list/user/{bob.id}")).refused(401, PROHIBITED)
        (await ada.get("/api/v1/chats/all/db")).refused(401, PROHIBITED)
        (await ada.get(f"/api/v1/chats/stats/export/{chat}")).refused(401, PROHIBITED)
        (await ada.get(f"/api/v1/chats/shared/{chat}/access")).refused(404, NOT_FOUND)
        (await ada.post(f"/api/v1/chats/{chat}/messages/a1", {"content": "x"})).refused(401, PROHIBITED)
        (await ada.delete(f"/api/v1/chats/{chat}/messages/a1")).refused(401, PROHIBITED)
        (await ada.post(f"/api/v1/chats/{chat}/fork", {})).refused(401, NOT_FOUND)
        (await ada.delete(f"/api/v1/chats/{chat}")).refused(404, NOT_FOUND)


async def test_permissions_control_copies_shares_and_deletion(ada: Person, bob: Person) -> None:
    chat = await create_chat(bob)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["chat"] |= {"import": False, "share": False, "delete": False}
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    (await bob.post("/api/v1/chats/import", {"chats": []})).refused(403, PROHIBITED)
    (await bob.post(f"/api/v1/chats/{chat}/clone", {})).refused(403, PROHIBITED)
    (await bob.post(f"/api/v1/chats/{chat}/fork", {})).refused(403, PROHIBITED)
    (await bob.post(f"/api/v1/chats/{chat}/share")).refused(401, PROHIBITED)
    (await bob.delete(f"/api/v1/chats/{chat}")).refused(401, PROHIBITED)
    (await bob.delete("/api/v1/chats/")).refused(401, PROHIBITED)
    permissions["chat"] |= {"import": True, "temporary": True, "temporary_enforced": True}
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    for path, body in (
        ("new", {"chat": build_chat()}),
        ("import", {"chats": []}),
        (f"{chat}/clone", {}),
        (f"{chat}/fork", {}),
    ):
        (await bob.post(f"/api/v1/chats/{path}", body)).refused(403, PROHIBITED)
