"""Folders: a tree for each user, shared with others, emptied and removed."""

from __future__ import annotations

import json
from typing import Any

from conftest import Person, Server
from fastback.kit.db import Database

PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
NOT_FOUND = "We could not find what you're looking for :/"
EXISTS = "[ERROR: Folder already exists]"
KEYS = [
    "id",
    "parent_id",
    "user_id",
    "name",
    "items",
    "meta",
    "data",
    "is_expanded",
    "created_at",
    "updated_at",
]


async def create_folder(person: Person, name: str, parent: Any = None, **more: Any) -> Any:
    body = {"name": name, **({"parent_id": parent["id"]} if parent else {}), **more}
    return (await person.post("/api/v1/folders/", body)).ok()


async def create_chat_in(person: Person, folder: Any, title: str = "A chat") -> Any:
    history = {"messages": {}, "currentId": None}
    document = {"title": title, "models": ["m"], "history": history, "messages": []}
    return (await person.post("/api/v1/chats/new", {"chat": document, "folder_id": folder["id"]})).ok()


def grant_to(person: Person, permission: str = "read") -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def share_folder(owner: Person, folder: Any, *grants: Any, **more: Any) -> Any:
    path = f"/api/v1/folders/{folder['id']}/access/update"
    return (await owner.post(path, {"access_grants": list(grants), **more})).ok()


async def allow_sharing(server: Server, admin: Person) -> None:
    """Allow all users to share folders with people, which is off by default."""
    permissions = (await admin.get("/api/v1/users/default/permissions")).ok()
    permissions["sharing"]["folders"] = True
    permissions["access_grants"]["allow_users"] = True
    (await admin.post("/api/v1/users/default/permissions", permissions)).ok()


async def test_a_tree_is_created_renamed_and_moved(ada: Person, bob: Person) -> None:
    work = await create_folder(bob, "Work", meta={"icon": "📁", "other": 1}, data={"system_prompt": "be brief"})
    assert list(work) == KEYS
    assert work["parent_id"] is None and work["items"] is None and work["is_expanded"] is False
    deep = await create_folder(bob, "Deep", work)
    folders = sorted((await bob.get("/api/v1/folders/")).ok(), key=lambda folder: folder["name"], reverse=True)
    assert [folder["name"] for folder in folders] == ["Work", "Deep"]
    assert list(folders[0]) == [
        "id",
        "name",
        "meta",
        "parent_id",
        "is_expanded",
        "unread_count",
        "created_at",
        "updated_at",
    ]
    assert folders[0]["meta"] == {"icon": "📁"} and folders[1]["parent_id"] == work["id"]

    changed = (await bob.post(f"/api/v1/folders/{work['id']}/update", {"name": "Job", "meta": {"icon": "x"}})).ok()
    assert (changed["name"], changed["meta"]) == ("Job", {"icon": "x", "other": 1})
    assert changed["data"] == {"system_prompt": "be brief"}
    opened = (await bob.post(f"/api/v1/folders/{work['id']}/update/expanded", {"is_expanded": True})).ok()
    assert opened["is_expanded"] is True
    moved = (await bob.post(f"/api/v1/folders/{deep['id']}/update/parent", {"parent_id": None})).ok()
    assert moved["parent_id"] is None
    complete = (await bob.get(f"/api/v1/folders/{work['id']}")).ok()
    assert list(complete) == [*KEYS, "access_grants", "write_access"]
    assert complete["write_access"] is True and complete["access_grants"] == []


async def test_sibling_folders_have_different_names(bob: Person) -> None:
    work, home = await create_folder(bob, "Work"), await create_folder(bob, "Home")
    (await bob.post("/api/v1/folders/", {"name": "wORK"})).refused(400, EXISTS)
    (await bob.post(f"/api/v1/folders/{home['id']}/update", {"name": "Work"})).refused(400, EXISTS)
    (await bob.post(f"/api/v1/folders/{work['id']}/update", {"name": "WORK"})).ok()
    below = await create_folder(bob, "Work", home)
    (await bob.post(f"/api/v1/folders/{below['id']}/update/parent", {"parent_id": None})).refused(400, EXISTS)


async def test_a_folder_does_not_go_below_itself(bob: Person) -> None:
    top = await create_folder(bob, "Top")
    low = await create_folder(bob, "Low", top)
    refusal = "[ERROR: Cannot move a folder into itself or one of its subfolders]"
    for parent in (top, low):
        reply = await bob.post(f"/api/v1/folders/{top['id']}/update/parent", {"parent_id": parent["id"]})
        reply.refused(400, refusal)


async def test_orphaned_folders_return_to_the_top(server: Server, bob: Person) -> None:
    first, second, third = [await create_folder(bob, name) for name in ("One", "Two", "Three")]
    db = server.services.get(Database)
    for child, parent in ((first, "gone"), (second, third["id"]), (third, second["id"])):
        text = "UPDATE folder SET parent_id = :parent WHERE id = :id"
        await db.execute("test.move", text, parent=parent, id=child["id"])
    parents = {row["name"]: row["parent_id"] for row in (await bob.get("/api/v1/folders/")).ok()}
    assert parents["One"] is None
    assert sorted([parents["Two"] is None, parents["Three"] is None]) == [False, True]
    assert (await bob.get(f"/api/v1/folders/{first['id']}")).ok()["parent_id"] is None


async def test_strangers_see_nothing(ada: Person, bob: Person, cy: Person, anonymous: Person) -> None:
    work = await create_folder(bob, "Work")
    path = f"/api/v1/folders/{work['id']}"
    (await anonymous.get("/api/v1/folders/")).refused(401, "Not authenticated")
    (await cy.get(path)).refused(404, NOT_FOUND)
    (await cy.post(f"{path}/update", {"name": "Mine"})).refused(404, NOT_FOUND)
    (await cy.post(f"{path}/update/parent", {"parent_id": None})).refused(404, NOT_FOUND)
    assert (await cy.post(f"{path}/update/expanded", {"is_expanded": True})).ok() is None
    (await cy.post(f"{path}/access/update", {"access_grants": []})).refused(403, PROHIBITED)
    (await cy.get(f"{path}/shared/chats")).refused(403, PROHIBITED)
    (await cy.post(f"{path}/read")).refused(403, PROHIBITED)
    (await cy.delete(path)).refused(403, PROHIBITED)
    (await cy.delete("/api/v1/folders/nothing")).refused(404, NOT_FOUND)
    # Administrators read folders, but do not move them.
    assert (await ada.get(path)).ok()["write_access"] is True
    (await ada.post(f"{path}/update/parent", {"parent_id": None})).refused(404, NOT_FOUND)


async def test_invalid_requests_are_refused(bob: Person) -> None:
    problem = (await bob.post("/api/v1/folders/", {})).refused(422)[0]
    assert (problem["type"], problem["loc"]) == ("missing", ["body", "name"])
    assert (await bob.post("/api/v1/folders/", {"name": "x", "user_id": "somebody"})).status == 422
    work = await create_folder(bob, "Work")
    problem = (await bob.get(f"/api/v1/folders/{work['id']}/shared/chats", page=0)).refused(422)[0]
    assert problem == {
        "type": "greater_than_equal",
        "loc": ["query", "page"],
        "msg": "Input should be greater than or equal to 1",
        "input": "0",
        "ctx": {"ge": 1},
    }
    reply = await bob.post(f"/api/v1/folders/{work['id']}/access/update", {"access_grants": [], "share_mode": "no"})
    assert reply.status == 422


async def test_folders_can_be_switched_off(server: Server, ada: Person, bob: Person) -> None:
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["folders"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    (await bob.get("/api/v1/folders/")).refused(403, PROHIBITED)
    (await bob.post("/api/v1/folders/", {"name": "x"})).refused(403, PROHIBITED)
    (await ada.get("/api/v1/folders/")).ok()
    (await ada.post("/api/v1/configs/import", {"config": {"folders.enable": False}})).ok()
    (await ada.get("/api/v1/folders/shared")).refused(403, PROHIBITED)


async def test_readers_read_and_writers_write(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    await allow_sharing(server, ada)
    top = await create_folder(bob, "Top", data={"share_mode": None})
    low = await create_folder(bob, "Low", top)
    answer = await share_folder(bob, top, grant_to(cy))
    assert list(answer) == [*KEYS, "access_grants"]
    seen = (await cy.get(f"/api/v1/folders/{low['id']}")).ok()
    assert seen["write_access"] is False
    (await cy.post(f"/api/v1/folders/{low['id']}/update", {"name": "Cy's"})).refused(404, NOT_FOUND)
    unchanged = (await cy.post(f"/api/v1/folders/{low['id']}/update/expanded", {"is_expanded": True})).ok()
    assert unchanged["is_expanded"] is False
    (await cy.post("/api/v1/folders/", {"name": "In it", "parent_id": top["id"]})).refused(403, PROHIBITED)

    folders = (await cy.get("/api/v1/folders/shared")).ok()
    assert [(folder["name"], folder["owner_name"], folder["permission"]) for folder in folders] == [
        ("Top", "Bob", "read"),
        ("Low", "Bob", "read"),
    ]
    assert list(folders[0]) == [*KEYS, "owner_name", "permission"]
    assert {folder["permission"] for folder in (await bob.get("/api/v1/folders/shared")).ok()} == {"write"}

    await share_folder(bob, top, grant_to(cy), grant_to(cy, "write"), share_mode="continue")
    assert (await bob.get(f"/api/v1/folders/{top['id']}")).ok()["data"] == {"share_mode": "continue"}
    assert (await cy.post(f"/api/v1/folders/{low['id']}/update", {"name": "Cy's"})).ok()["name"] == "Cy's"
    reply = await cy.post(f"/api/v1/folders/{top['id']}/update", {"data": {"share_mode": None}})
    reply.refused(403, PROHIBITED)
    created = await create_folder(cy, "In it", top)
    assert created["user_id"] == bob.id


async def test_sharing_needs_permission(ada: Person, bob: Person, cy: Person) -> None:
    work = await create_folder(bob, "Work")
    reply = await bob.post(f"/api/v1/folders/{work['id']}/access/update", {"access_grants": [grant_to(cy)]})
    reply.refused(403, "You do not have permission to share with the requested audience")


async def test_chats_of_all_members_in_a_shared_folder(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    await allow_sharing(server, ada)
    top = await create_folder(bob, "Top")
    await share_folder(bob, top, grant_to(cy), grant_to(cy, "write"))
    first = await create_chat_in(bob, top, "First")
    messages = {"q1": {"id": "q1", "role": "user", "user_id": cy.id}, "q2": {"id": "q2", "role": "user"}}
    await server.services.get(Database).execute(
        "test.asked",
        "UPDATE chat SET chat = :chat WHERE id = :id",
        id=first["id"],
        chat=json.dumps({"history": {"messages": messages}}),
    )
    second = await create_chat_in(cy, top, "Second")
    path = f"/api/v1/folders/{top['id']}/shared/chats"
    page = (await cy.get(path, sort_by="title", sort_dir="asc")).ok()
    assert list(page) == ["chats", "folder_permission"] and page["folder_permission"] == "write"
    assert [(chat["id"], chat["owner_name"], chat["readonly"]) for chat in page["chats"]] == [
        (first["id"], "Bob", True),
        (second["id"], "Cy", False),
    ]
    assert list(page["chats"][0]) == [
        "id",
        "title",
        "user_id",
        "updated_at",
        "created_at",
        "last_read_at",
        "owner_name",
        "participants",
        "active",
        "readonly",
    ]
    assert [participant["name"] for participant in page["chats"][0]["participants"]] == ["Bob", "Cy"]
    assert page["chats"][1]["participants"] == [] and page["chats"][0]["active"] is False
    paged = (await bob.get(path, page=1)).ok()
    assert (paged["total"], paged["has_more"]) == (2, False)


async def test_a_folder_is_marked_as_read(server: Server, bob: Person) -> None:
    top = await create_folder(bob, "Top")
    low = await create_folder(bob, "Low", top)
    await create_chat_in(bob, low)
    db = server.services.get(Database)
    await db.execute("test.unread", "UPDATE chat SET last_read_at = NULL")
    assert [folder["unread_count"] for folder in (await bob.get("/api/v1/folders/")).ok()] == [1, 1]
    answer = (await bob.post(f"/api/v1/folders/{top['id']}/read")).ok()
    assert list(answer) == ["folder_id", "folder_ids", "updated_count", "folder_unread_counts"]
    assert set(answer["folder_ids"]) == {top["id"], low["id"]} and answer["updated_count"] == 1
    assert answer["folder_unread_counts"] == {top["id"]: 0, low["id"]: 0}


async def test_deleting_a_folder_deletes_own_chats(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    await allow_sharing(server, ada)
    top = await create_folder(bob, "Top")
    low = await create_folder(bob, "Low", top)
    await share_folder(bob, top, grant_to(cy), grant_to(cy, "write"))
    own, theirs = await create_chat_in(bob, low), await create_chat_in(cy, low)
    assert (await bob.delete(f"/api/v1/folders/{top['id']}")).ok() is True
    assert (await bob.get("/api/v1/folders/")).ok() == []
    assert (await bob.get(f"/api/v1/chats/{own['id']}")).status == 401
    # Chats of other users stay.
    assert (await cy.get(f"/api/v1/chats/{theirs['id']}")).ok()["folder_id"] is None
    assert (await cy.get("/api/v1/folders/shared")).ok() == []


async def test_deleting_a_folder_can_keep_its_chats(ada: Person, bob: Person) -> None:
    top = await create_folder(bob, "Top")
    chat = await create_chat_in(bob, top)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["chat"]["delete"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    (await bob.delete(f"/api/v1/folders/{top['id']}")).refused(403, PROHIBITED)
    (await bob.delete(f"/api/v1/folders/{top['id']}", delete_contents=False)).ok()
    assert (await bob.get(f"/api/v1/chats/{chat['id']}")).ok()["folder_id"] is None


async def test_a_folder_holds_only_files_that_its_owner_may_read(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    db = server.services.get(Database)
    for person in (bob, cy):
        await db.execute(
            "test.file",
            "INSERT INTO file (id, user_id, filename, meta, created_at, updated_at) "
            "VALUES (:id, :user_id, 'a.txt', '{}', 1, 1)",
            id=f"file-of-{person.id}",
            user_id=person.id,
        )
    own, theirs = [{"type": "file", "id": f"file-of-{person.id}"} for person in (bob, cy)]
    work = await create_folder(bob, "Work", data={"files": [own]})
    assert work["data"] == {"files": [own]}
    path = f"/api/v1/folders/{work['id']}/update"
    (await bob.post(path, {"data": {"files": [own, theirs]}})).refused(403, PROHIBITED)
    (await bob.post(path, {"data": {"files": [{"type": "thing", "id": "1"}]}})).refused(403, PROHIBITED)
    (await bob.post(path, {"data": {"files": "all"}})).refused(403, PROHIBITED)
    (await bob.post(path, {"data": {"files": None}})).ok()
    # A note that its owner shares gives access to its attachment.
    await db.execute(
        "test.note",
        "INSERT INTO note (id, user_id, title, data, created_at, updated_at) VALUES ('n', :user_id, 't', :data, 1, 1)",
        user_id=cy.id,
        data=f'{{"files": [{{"type": "file", "id": "{theirs["id"]}"}}]}}',
    )
    await db.execute(
        "test.grant",
        "INSERT INTO access_grant (id, resource_type, resource_id, principal_type, principal_id, permission, "
        "created_at) VALUES ('g', 'note', 'n', 'user', :user_id, 'read', 1)",
        user_id=bob.id,
    )
    (await bob.post(path, {"data": {"files": [own, theirs, {"type": "note", "id": "n"}]}})).ok()
