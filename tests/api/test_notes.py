"""Notes: written, shared, pinned, followed by open pages, attached to; chats about them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import socketio

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from knowledge_samples import insert_file

NOTES = "/api/v1/notes"


def grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def write(person: Person, text: str = "Herons fish.", **more: Any) -> str:
    """A new note's id."""
    form = {"title": "Birds", "data": {"content": {"md": text}}, **more}
    return str((await person.post(f"{NOTES}/create", form)).ok()["id"])


async def test_what_is_not_named_stays(ada: Person) -> None:
    note = f"{NOTES}/{await write(ada, meta={'a': 1})}"
    before = (await ada.post(f"{note}/update", {"title": "Birds"})).ok()
    after = (await ada.post(f"{note}/update", {"data": {"files": []}, "meta": {"b": 2}})).ok()
    assert after["data"] == {"content": {"md": "Herons fish."}, "files": []} and after["meta"] == {"a": 1, "b": 2}
    assert before["updated_at"] == before["created_at"] < after["updated_at"]
    (await ada.post(f"{note}/update", {"title": None})).refused(400)
    assert (await ada.get(note)).ok()["title"] == "Birds"


async def test_changes_of_different_parts_at_once_are_all_kept(ada: Person) -> None:
    note = f"{NOTES}/{await write(ada)}"
    await asyncio.gather(*(ada.post(f"{note}/update", {"data": {f"part_{n}": n}}) for n in range(12)))
    data = (await ada.get(note)).ok()["data"]
    assert {f"part_{n}" for n in range(12)} <= data.keys() and data["content"]["md"] == "Herons fish."


async def test_odd_data_becomes_text(server: Server, ada: Person) -> None:
    one = await write(ada)
    db = server.services.get(Database)
    for stored, text in (
        ('{"content": {"md": {"a": 1}}}', '```json\n{\n  "a": 1\n}\n```'),
        ('{"content": {"md": null}}', ""),
        ('"just text"', "just text"),
    ):
        await db.execute("tests.odd", "UPDATE note SET data = :data WHERE id = :id", data=stored, id=one)
        assert (await ada.get(f"{NOTES}/{one}")).ok()["data"]["content"]["md"] == text


async def test_a_note_lets_nobody_attach_what_they_may_not_read(server: Server, ada: Person, bob: Person) -> None:
    secret, mine = await insert_file(server, ada, "s.txt", "Secret."), await insert_file(server, bob, "m.txt", "Mine.")
    one = await write(ada, access_grants=[grant(bob, "read"), grant(bob, "write")])
    note = f"{NOTES}/{one}"

    def entries(*ids: str) -> dict[str, Any]:
        return {"data": {"files": [{"type": "file", "id": file_id} for file_id in ids]}}

    (await bob.post(f"{note}/update", entries(secret))).refused(403)
    (await bob.post(f"{note}/update", {"data": {"files": "x"}})).refused(403)
    (await bob.post(f"{note}/update", entries(mine))).ok()
    (await ada.post(f"{note}/update", entries(mine, secret))).ok()
    # What is attached already is not asked for again.
    (await bob.post(f"{note}/update", entries(secret))).ok()


async def test_pins_are_everybodys_own(ada: Person, bob: Person) -> None:
    one = await write(ada, access_grants=[grant(bob, "read")])
    assert (await bob.post(f"{NOTES}/{one}/pin")).ok()["is_pinned"] is True
    assert [note["id"] for note in (await bob.get(f"{NOTES}/pinned")).ok()] == [one]
    assert (await ada.get(f"{NOTES}/{one}")).ok()["is_pinned"] is False
    assert (await bob.post(f"{NOTES}/{one}/pin")).ok()["is_pinned"] is False
    (await bob.post(f"{NOTES}/{one}/pin")).ok()
    (await ada.delete(f"{NOTES}/{one}/delete")).ok()
    assert (await bob.get(f"{NOTES}/pinned")).ok() == []


async def test_chats_about_a_note_are_in_no_list(ada: Person, bob: Person) -> None:
    one = await write(ada)
    (await bob.get(f"{NOTES}/{one}/chat")).refused(403)
    chat = (await ada.get(f"{NOTES}/{one}/chat")).ok()
    assert one in chat["chat"]["params"]["system"] and chat["meta"]["note_id"] == one
    assert (await ada.get(f"{NOTES}/{one}/chat")).ok()["id"] == chat["id"]
    other = (await ada.post(f"{NOTES}/{one}/chat")).ok()["id"]
    assert {found["id"] for found in (await ada.get(f"{NOTES}/{one}/chats")).ok()} == {chat["id"], other}
    assert (await ada.get("/api/v1/chats/")).ok() == []


async def test_what_happens_is_told(server: Server, ada: Person) -> None:
    told: list[str] = []
    server.services.get(Bus).subscribe(ActivityEvent, lambda event: told.append(event.event))
    one = await write(ada)
    for path, body in (
        ("update", {"title": "x"}),
        ("access/update", {"access_grants": []}),
        ("pin", None),
        ("pin", None),
    ):
        (await ada.post(f"{NOTES}/{one}/{path}", body)).ok()
    (await ada.delete(f"{NOTES}/{one}/delete")).ok()
    events = ("created", "updated", "access_updated", "pinned", "unpinned", "deleted")
    assert told == [f"note.{event}" for event in events]


async def test_open_pages_follow_a_note(server: Server, ada: Person, bob: Person) -> None:
    one = await write(ada, access_grants=[grant(bob, "read")])
    socket = socketio.AsyncClient(reconnection=False)
    told: asyncio.Queue[Any] = asyncio.Queue()
    socket.on("events:note", told.put)
    await socket.connect(server.url, socketio_path="/ws/socket.io", transports=["websocket"], auth={"token": bob.token})
    try:
        await socket.call("join-note", {"note_id": one, "auth": {"token": bob.token}}, timeout=5)
        (await ada.post(f"{NOTES}/{one}/update", {"data": {"content": {"md": "Egrets."}, "more": 1}})).ok()
        seen = await asyncio.wait_for(told.get(), 5)
        assert seen["id"] == one and seen["data"] == {"content": {"md": "Egrets."}, "more": 1}
        (await ada.post(f"{NOTES}/{one}/access/update", {"access_grants": []})).ok()
        (await ada.post(f"{NOTES}/{one}/update", {"title": "Secret"})).ok()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told.get(), 0.3)
        # Who may not read it does not come back.
        await socket.call("join-note", {"note_id": one, "auth": {"token": bob.token}}, timeout=5)
        (await ada.post(f"{NOTES}/{one}/update", {"title": "Still secret"})).ok()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told.get(), 0.3)
    finally:
        await socket.disconnect()
