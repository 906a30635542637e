"""Notes: writing, sharing, pins, updates to open pages, attachments, and chats about a note."""

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


def make_grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def create_note(person: Person, text: str = "Herons fish.", **more: Any) -> str:
    """Create a note, and return its id."""
    form = {"title": "Birds", "data": {"content": {"md": text}}, **more}
    return str((await person.post(f"{NOTES}/create", form)).ok()["id"])


async def test_fields_that_are_not_sent_do_not_change(ada: Person) -> None:
    note_url = f"{NOTES}/{await create_note(ada, meta={'a': 1})}"
    before = (await ada.post(f"{note_url}/update", {"title": "Birds"})).ok()
    after = (await ada.post(f"{note_url}/update", {"data": {"files": []}, "meta": {"b": 2}})).ok()
    assert after["data"] == {"content": {"md": "Herons fish."}, "files": []} and after["meta"] == {"a": 1, "b": 2}
    assert before["updated_at"] == before["created_at"] < after["updated_at"]
    (await ada.post(f"{note_url}/update", {"title": None})).refused(400)
    assert (await ada.get(note_url)).ok()["title"] == "Birds"


async def test_concurrent_changes_of_different_fields_are_all_kept(ada: Person) -> None:
    note_url = f"{NOTES}/{await create_note(ada)}"
    await asyncio.gather(*(ada.post(f"{note_url}/update", {"data": {f"part_{n}": n}}) for n in range(12)))
    data = (await ada.get(note_url)).ok()["data"]
    assert {f"part_{n}" for n in range(12)} <= data.keys() and data["content"]["md"] == "Herons fish."


async def test_malformed_data_is_shown_as_text(server: Server, ada: Person) -> None:
    note_id = await create_note(ada)
    db = server.services.get(Database)
    for stored, text in (
        ('{"content": {"md": {"a": 1}}}', '```json\n{\n  "a": 1\n}\n```'),
        ('{"content": {"md": null}}', ""),
        ('"just text"', "just text"),
    ):
        await db.execute("tests.odd", "UPDATE note SET data = :data WHERE id = :id", data=stored, id=note_id)
        assert (await ada.get(f"{NOTES}/{note_id}")).ok()["data"]["content"]["md"] == text


async def test_only_readable_files_are_attached_to_a_note(server: Server, ada: Person, bob: Person) -> None:
    secret_id, own_id = (
        await insert_file(server, ada, "s.txt", "Secret."),
        await insert_file(server, bob, "m.txt", "Mine."),
    )
    note_id = await create_note(ada, access_grants=[make_grant(bob, "read"), make_grant(bob, "write")])
    note_url = f"{NOTES}/{note_id}"

    def make_update(*ids: str) -> dict[str, Any]:
        return {"data": {"files": [{"type": "file", "id": file_id} for file_id in ids]}}

    (await bob.post(f"{note_url}/update", make_update(secret_id))).refused(403)
    (await bob.post(f"{note_url}/update", {"data": {"files": "x"}})).refused(403)
    (await bob.post(f"{note_url}/update", make_update(own_id))).ok()
    (await ada.post(f"{note_url}/update", make_update(own_id, secret_id))).ok()
    # A file that is already attached is not checked again.
    (await bob.post(f"{note_url}/update", make_update(secret_id))).ok()


async def test_each_user_has_pins_of_their_own(ada: Person, bob: Person) -> None:
    note_id = await create_note(ada, access_grants=[make_grant(bob, "read")])
    assert (await bob.post(f"{NOTES}/{note_id}/pin")).ok()["is_pinned"] is True
    assert [note["id"] for note in (await bob.get(f"{NOTES}/pinned")).ok()] == [note_id]
    assert (await ada.get(f"{NOTES}/{note_id}")).ok()["is_pinned"] is False
    assert (await bob.post(f"{NOTES}/{note_id}/pin")).ok()["is_pinned"] is False
    (await bob.post(f"{NOTES}/{note_id}/pin")).ok()
    (await ada.delete(f"{NOTES}/{note_id}/delete")).ok()
    assert (await bob.get(f"{NOTES}/pinned")).ok() == []


async def test_chats_about_a_note_are_not_listed_with_other_chats(ada: Person, bob: Person) -> None:
    note_id = await create_note(ada)
    (await bob.get(f"{NOTES}/{note_id}/chat")).refused(403)
    chat = (await ada.get(f"{NOTES}/{note_id}/chat")).ok()
    assert note_id in chat["chat"]["params"]["system"] and chat["meta"]["note_id"] == note_id
    assert (await ada.get(f"{NOTES}/{note_id}/chat")).ok()["id"] == chat["id"]
    other_id = (await ada.post(f"{NOTES}/{note_id}/chat")).ok()["id"]
    assert {chat_entry["id"] for chat_entry in (await ada.get(f"{NOTES}/{note_id}/chats")).ok()} == {
        chat["id"],
        other_id,
    }
    assert (await ada.get("/api/v1/chats/")).ok() == []


async def test_changes_publish_activity_events(server: Server, ada: Person) -> None:
    published: list[str] = []
    server.services.get(Bus).subscribe(ActivityEvent, lambda event: published.append(event.event))
    note_id = await create_note(ada)
    for path, body in (
        ("update", {"title": "x"}),
        ("access/update", {"access_grants": []}),
        ("pin", None),
        ("pin", None),
    ):
        (await ada.post(f"{NOTES}/{note_id}/{path}", body)).ok()
    (await ada.delete(f"{NOTES}/{note_id}/delete")).ok()
    events = ("created", "updated", "access_updated", "pinned", "unpinned", "deleted")
    assert published == [f"note.{event}" for event in events]


async def test_open_pages_receive_changes_of_a_note(server: Server, ada: Person, bob: Person) -> None:
    note_id = await create_note(ada, access_grants=[make_grant(bob, "read")])
    socket = socketio.AsyncClient(reconnection=False)
    messages: asyncio.Queue[Any] = asyncio.Queue()
    socket.on("events:note", messages.put)
    await socket.connect(
        server.url, socketio_path="/ws/socket.io", wait_timeout=10, transports=["websocket"], auth={"token": bob.token}
    )
    try:
        await socket.call("join-note", {"note_id": note_id, "auth": {"token": bob.token}}, timeout=5)
        (await ada.post(f"{NOTES}/{note_id}/update", {"data": {"content": {"md": "Egrets."}, "more": 1}})).ok()
        message = await asyncio.wait_for(messages.get(), 5)
        assert message["id"] == note_id and message["data"] == {"content": {"md": "Egrets."}, "more": 1}
        (await ada.post(f"{NOTES}/{note_id}/access/update", {"access_grants": []})).ok()
        (await ada.post(f"{NOTES}/{note_id}/update", {"title": "Secret"})).ok()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(messages.get(), 0.3)
        # Without access Bob cannot join again.
        await socket.call("join-note", {"note_id": note_id, "auth": {"token": bob.token}}, timeout=5)
        (await ada.post(f"{NOTES}/{note_id}/update", {"title": "Still secret"})).ok()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(messages.get(), 0.3)
    finally:
        await socket.disconnect()
