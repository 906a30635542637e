"""Lists of chats: what adds and removes chats, unread marks, tags that come and go."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from sample_chats import build_chat, create_chat


async def list_titles(person: Person, path: str = "/api/v1/chats/", **query: Any) -> list[str]:
    return [chat["title"] for chat in (await person.get(path, **query)).ok()]


def build_item(title: str, at: int, **more: Any) -> dict[str, Any]:
    return {"chat": build_chat(1, title=title), "created_at": at, "updated_at": at, **more}


async def import_chats(person: Person, *items: Any) -> list[str]:
    return [chat["id"] for chat in (await person.post("/api/v1/chats/import", {"chats": list(items)})).ok()]


async def test_archived_chats_leave_their_folder_and_return_without_it(bob: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    body = {"chat": build_chat(title="Plan"), "folder_id": folder}
    chat = (await bob.post("/api/v1/chats/new", body)).ok()["id"]
    assert await list_titles(bob, f"/api/v1/chats/folder/{folder}/list") == ["Plan"]
    assert (await bob.post(f"/api/v1/chats/{chat}/archive")).ok()["folder_id"] is None
    assert await list_titles(bob, "/api/v1/chats/archived") == ["Plan"]
    # A folder shows no archived chats, so a chat that is moved into a folder is unarchived.
    moved = (await bob.post(f"/api/v1/chats/{chat}/folder", {"folder_id": folder})).ok()
    assert moved["archived"] is False and await list_titles(bob, f"/api/v1/chats/folder/{folder}/list") == ["Plan"]
    (await bob.post("/api/v1/chats/archive/all")).ok()
    (await bob.post("/api/v1/chats/unarchive/all")).ok()
    assert await list_titles(bob, page=1) == ["Plan"]


async def test_a_folder_shows_ten_chats_a_page_unread_first(bob: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    ids = await import_chats(bob, *[build_item(f"Chat {n:02}", 1000 + n, folder_id=folder) for n in range(12)])
    (await bob.post(f"/api/v1/chats/{ids[3]}/unread")).ok()
    path = f"/api/v1/chats/folder/{folder}/list"
    first = await list_titles(bob, path)
    assert len(first) == 10 and first[:2] == ["Chat 03", "Chat 11"]
    assert await list_titles(bob, path, page=2) == ["Chat 01", "Chat 00"]
    assert (await list_titles(bob, path, sort_by="title", sort_dir="asc"))[0] == "Chat 00"
    chats = (await bob.get(f"/api/v1/chats/folder/{folder}")).ok()
    assert len(chats) == 12 and chats[0]["chat"]["history"]["messages"]["a1"]["content"] == "assistant 1"


@pytest.mark.parametrize("place", ["sidebar", "folder", "shared folder"])
async def test_unread_chats_come_first_across_pages(server: Server, bob: Person, place: str) -> None:
    """Also where the unread chats end in the middle of a page, or before it."""
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"] if place != "sidebar" else None
    size = 60 if place == "sidebar" else 10
    count = 3 * size - 3
    items = [build_item(f"{number:03}", 1_700_000_000 + number, folder_id=folder) for number in range(count)]
    ids = await import_chats(bob, *items)
    unread = list(range(0, count, 2))[: size + 4]
    db = server.services.get(Database)
    await db.execute("test.read", "UPDATE chat SET last_read_at = updated_at")
    await db.execute(
        "test.unread", "UPDATE chat SET last_read_at = 5 WHERE id = ANY(:ids)", ids=[ids[number] for number in unread]
    )
    order = [f"{number:03}" for number in [*unread[::-1], *(n for n in range(count - 1, -1, -1) if n not in unread)]]
    paths = {
        "sidebar": "/api/v1/chats/?sort_by=unread_updated_at&",
        "folder": f"/api/v1/chats/folder/{folder}/list?",
        "shared folder": f"/api/v1/folders/{folder}/shared/chats?",
    }
    pages = []
    for page in range(1, 5):
        reply = (await bob.get(f"{paths[place]}page={page}")).ok()
        pages.append([chat["title"] for chat in (reply["chats"] if place == "shared folder" else reply)])
    assert pages == [order[:size], order[size : 2 * size], order[2 * size :], []]


async def test_a_chat_whose_answer_is_being_written_is_not_unread(server: Server, bob: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    items = [build_item(str(number), 1_700_000_000 + number, folder_id=folder) for number in range(3)]
    ids = await import_chats(bob, *items)
    db = server.services.get(Database)
    await db.execute("test.unread", "UPDATE chat SET last_read_at = CASE WHEN title = '2' THEN updated_at END")
    await db.execute(
        "test.unfinished",
        """INSERT INTO chat_message (id, chat_id, user_id, role, done, created_at, updated_at)
           VALUES ('m', :chat_id, :user_id, 'assistant', FALSE, 1, 1)""",
        chat_id=ids[1],
        user_id=bob.id,
    )
    assert await list_titles(bob, f"/api/v1/chats/folder/{folder}/list") == ["0", "2", "1"]
    assert (await bob.get("/api/v1/folders/")).ok()[0]["unread_count"] == 1


async def test_a_chat_with_an_odd_meta_is_listed(server: Server, bob: Person) -> None:
    metas = [
        "{}",
        '{"tags": "work"}',
        '{"tags": {"work": 1}}',
        '{"tags": ["work", 5, null]}',
        '{"internal": "yes"}',
        "[]",
    ]
    metas += ['"text"', "5"]
    titles = [str(number) for number in range(len(metas))]
    await import_chats(bob, *(build_item(title, 1_700_000_000 + number) for number, title in enumerate(titles)))
    db = server.services.get(Database)
    for title, meta in zip(titles, metas, strict=True):
        await db.execute("test.meta", "UPDATE chat SET meta = :meta WHERE title = :title", meta=meta, title=title)
    (await bob.post("/api/v1/chats/archive/all")).ok()
    (await bob.post("/api/v1/chats/unarchive/all")).ok()
    assert await list_titles(bob) == titles[::-1]
    assert [chat["title"] for chat in (await bob.post("/api/v1/chats/tags", {"name": "work"})).ok()] == ["3"]


async def test_unread_marks_are_counted_and_removed(bob: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    inside, outside = await import_chats(bob, build_item("In", 1000, folder_id=folder), build_item("Out", 1000))
    result = (await bob.post(f"/api/v1/chats/{inside}/unread")).ok()
    assert result == {
        "chat_id": inside,
        "last_read_at": 0,
        "folder_id": folder,
        "folder_unread_counts": {folder: 1},
    }
    (await bob.post(f"/api/v1/chats/{outside}/unread")).ok()
    reply = (await bob.post("/api/v1/chats/read")).ok()
    assert reply == {"updated_count": 2, "folder_unread_counts": {folder: 0}}
    assert (await bob.get("/api/v1/chats/", page=1)).ok()[0]["last_read_at"] == 1000


async def test_administrators_list_all_chats_of_a_user_also_archived_ones(ada: Person, bob: Person) -> None:
    await import_chats(
        bob,
        build_item("Bread", 1000),
        build_item("Old bread", 2000, archived=True),
        build_item("Cake", 3000, pinned=True),
    )
    path = f"/api/v1/chats/list/user/{bob.id}"
    assert await list_titles(ada, path) == ["Cake", "Old bread", "Bread"]
    assert await list_titles(ada, path, query="BREAD") == ["Old bread", "Bread"]
    assert await list_titles(ada, path, order_by="title", direction="asc") == ["Bread", "Cake", "Old bread"]
    (await bob.get(path)).refused(401)


async def test_tags_come_with_chats_and_go_with_the_last(bob: Person) -> None:
    first, second = await import_chats(
        bob, build_item("A", 1000, meta={"tags": ["x", "y"]}), build_item("B", 1000, meta={"tags": ["y"]})
    )

    async def list_tag_names() -> list[str]:
        return sorted(tag["name"] for tag in (await bob.get("/api/v1/chats/all/tags")).ok())

    assert await list_tag_names() == ["x", "y"]
    (await bob.delete(f"/api/v1/chats/{first}")).ok()
    assert await list_tag_names() == ["y"]
    (await bob.delete(f"/api/v1/chats/{second}/tags", {"name": "y"})).ok()
    assert await list_tag_names() == []
    (await bob.post(f"/api/v1/chats/{second}/tags", {"name": "None"})).refused(
        400, "[ERROR: Tag name cannot be 'None']"
    )
    (await bob.post(f"/api/v1/chats/{second}/tags", {"name": "z"})).ok()
    (await bob.delete("/api/v1/chats/")).ok()
    assert await list_tag_names() == []


async def test_a_title_is_a_text_and_may_be_empty(bob: Person) -> None:
    assert (await bob.post("/api/v1/chats/new", {"chat": {"title": ""}})).ok()["title"] == ""
    assert (await bob.post("/api/v1/chats/new", {"chat": {}})).ok()["title"] == "New Chat"
    (await bob.post("/api/v1/chats/new", {"chat": {"title": 1}})).refused(400)
    chat = await create_chat(bob)
    (await bob.post(f"/api/v1/chats/{chat}", {"chat": {"title": 1}})).refused(400)


async def test_new_parameters_are_merged_into_existing_ones(bob: Person) -> None:
    chat = await create_chat(bob, build_chat(1, params={"temperature": 0.5}))
    assert (await bob.patch(f"/api/v1/chats/{chat}/params", {"seed": 1})).ok() == {"temperature": 0.5, "seed": 1}
    assert (await bob.get(f"/api/v1/chats/{chat}")).ok()["chat"]["params"] == {"temperature": 0.5, "seed": 1}
