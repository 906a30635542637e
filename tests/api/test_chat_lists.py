"""Lists of chats: what moves them in and out, marks of reading, tags that come and go."""

from __future__ import annotations

from typing import Any

from conftest import Person
from sample_chats import build_chat, create_chat


async def titles(person: Person, path: str = "/api/v1/chats/", **query: Any) -> list[str]:
    return [one["title"] for one in (await person.get(path, **query)).ok()]


def item(title: str, at: int, **more: Any) -> dict[str, Any]:
    return {"chat": build_chat(1, title=title), "created_at": at, "updated_at": at, **more}


async def brought(person: Person, *items: Any) -> list[str]:
    return [one["id"] for one in (await person.post("/api/v1/chats/import", {"chats": list(items)})).ok()]


async def test_archived_chats_leave_their_folder_and_come_back_without_it(bob: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    body = {"chat": build_chat(title="Plan"), "folder_id": folder}
    chat = (await bob.post("/api/v1/chats/new", body)).ok()["id"]
    assert await titles(bob, f"/api/v1/chats/folder/{folder}/list") == ["Plan"]
    assert (await bob.post(f"/api/v1/chats/{chat}/archive")).ok()["folder_id"] is None
    assert await titles(bob, "/api/v1/chats/archived") == ["Plan"]
    # A folder shows no archived chats, so that one that is put into it comes back.
    moved = (await bob.post(f"/api/v1/chats/{chat}/folder", {"folder_id": folder})).ok()
    assert moved["archived"] is False and await titles(bob, f"/api/v1/chats/folder/{folder}/list") == ["Plan"]
    (await bob.post("/api/v1/chats/archive/all")).ok()
    (await bob.post("/api/v1/chats/unarchive/all")).ok()
    assert await titles(bob, page=1) == ["Plan"]


async def test_a_folder_shows_ten_chats_a_page_unread_first(bob: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    ids = await brought(bob, *[item(f"Chat {n:02}", 1000 + n, folder_id=folder) for n in range(12)])
    (await bob.post(f"/api/v1/chats/{ids[3]}/unread")).ok()
    path = f"/api/v1/chats/folder/{folder}/list"
    first = await titles(bob, path)
    assert len(first) == 10 and first[:2] == ["Chat 03", "Chat 11"]
    assert await titles(bob, path, page=2) == ["Chat 01", "Chat 00"]
    assert (await titles(bob, path, sort_by="title", sort_dir="asc"))[0] == "Chat 00"
    whole = (await bob.get(f"/api/v1/chats/folder/{folder}")).ok()
    assert len(whole) == 12 and whole[0]["chat"]["history"]["messages"]["a1"]["content"] == "assistant 1"


async def test_unread_marks_are_counted_and_taken_away(bob: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    inside, outside = await brought(bob, item("In", 1000, folder_id=folder), item("Out", 1000))
    marked = (await bob.post(f"/api/v1/chats/{inside}/unread")).ok()
    assert marked == {
        "chat_id": inside,
        "last_read_at": 0,
        "folder_id": folder,
        "folder_unread_counts": {folder: 1},
    }
    (await bob.post(f"/api/v1/chats/{outside}/unread")).ok()
    read = (await bob.post("/api/v1/chats/read")).ok()
    assert read == {"updated_count": 2, "folder_unread_counts": {folder: 0}}
    assert (await bob.get("/api/v1/chats/", page=1)).ok()[0]["last_read_at"] == 1000


async def test_administrators_list_everybodys_chats_archived_ones_too(ada: Person, bob: Person) -> None:
    await brought(bob, item("Bread", 1000), item("Old bread", 2000, archived=True), item("Cake", 3000, pinned=True))
    path = f"/api/v1/chats/list/user/{bob.id}"
    assert await titles(ada, path) == ["Cake", "Old bread", "Bread"]
    assert await titles(ada, path, query="BREAD") == ["Old bread", "Bread"]
    assert await titles(ada, path, order_by="title", direction="asc") == ["Bread", "Cake", "Old bread"]
    (await bob.get(path)).refused(401)


async def test_tags_come_with_chats_and_go_with_the_last(bob: Person) -> None:
    one, two = await brought(bob, item("A", 1000, meta={"tags": ["x", "y"]}), item("B", 1000, meta={"tags": ["y"]}))

    async def names() -> list[str]:
        return sorted(tag["name"] for tag in (await bob.get("/api/v1/chats/all/tags")).ok())

    assert await names() == ["x", "y"]
    (await bob.delete(f"/api/v1/chats/{one}")).ok()
    assert await names() == ["y"]
    (await bob.delete(f"/api/v1/chats/{two}/tags", {"name": "y"})).ok()
    assert await names() == []
    (await bob.post(f"/api/v1/chats/{two}/tags", {"name": "None"})).refused(400, "[ERROR: Tag name cannot be 'None']")
    (await bob.post(f"/api/v1/chats/{two}/tags", {"name": "z"})).ok()
    (await bob.delete("/api/v1/chats/")).ok()
    assert await names() == []


async def test_a_title_is_a_text_and_may_be_empty(bob: Person) -> None:
    assert (await bob.post("/api/v1/chats/new", {"chat": {"title": ""}})).ok()["title"] == ""
    assert (await bob.post("/api/v1/chats/new", {"chat": {}})).ok()["title"] == "New Chat"
    (await bob.post("/api/v1/chats/new", {"chat": {"title": 1}})).refused(400)
    chat = await create_chat(bob)
    (await bob.post(f"/api/v1/chats/{chat}", {"chat": {"title": 1}})).refused(400)


async def test_parameters_are_laid_over_those_that_are_there(bob: Person) -> None:
    chat = await create_chat(bob, build_chat(1, params={"temperature": 0.5}))
    assert (await bob.patch(f"/api/v1/chats/{chat}/params", {"seed": 1})).ok() == {"temperature": 0.5, "seed": 1}
    assert (await bob.get(f"/api/v1/chats/{chat}")).ok()["chat"]["params"] == {"temperature": 0.5, "seed": 1}
