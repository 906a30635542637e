"""Writing in a note at the same time: pages receive the changes of others, and a page that joins later receives all."""

from __future__ import annotations

import asyncio

import pytest

from conftest import Person, Server
from fastback.realtime import shared_document
from fastback.realtime.server import SocketServer
from locked_database import lock_tables
from note_editor import NOTES, create_note, open_editor


def make_grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def wait_until_saved(person: Person, note: str, text: str) -> None:
    """Wait until the stored note has this text."""
    for _ in range(100):
        if (await person.get(f"{NOTES}/{note}")).ok()["data"]["content"]["md"] == text:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the note was not saved")


async def test_two_pages_write_and_a_third_joins_later(server: Server, ada: Person, bob: Person) -> None:
    note = await create_note(ada, make_grant(bob, "read"), make_grant(bob, "write"))
    async with open_editor(ada, note) as ada_editor, open_editor(bob, note) as bob_editor:
        assert (await ada_editor.join())["state"] == [0, 0]
        assert (await bob_editor.join())["content"] == {"md": ""}
        for number in range(250):
            await ada_editor.write(f"{number} ")
            await bob_editor.receive_update()
        await bob_editor.write("Bob.")
        await ada_editor.receive_update()
        assert ada_editor.text == bob_editor.text and ada_editor.text.endswith("249 Bob.")
        async with open_editor(ada, note) as late_editor:
            await late_editor.join()
            assert late_editor.text == ada_editor.text
        await ada_editor.socket.emit("ydoc:awareness:update", {"document_id": ada_editor.id, "update": [1, 2]})
        awareness = await asyncio.wait_for(bob_editor.awareness.get(), 5)
        assert awareness["user_id"] == ada.id and awareness["update"] == [1, 2]
        await wait_until_saved(ada, note, ada_editor.text)


async def test_the_first_initialisation_of_a_document_wins(server: Server, ada: Person, bob: Person) -> None:
    note = await create_note(ada, make_grant(bob, "read"), make_grant(bob, "write"))
    async with open_editor(ada, note) as ada_editor, open_editor(bob, note) as bob_editor:
        await ada_editor.join()
        await bob_editor.join()
        first = await ada_editor.write("Seed.", initialize=True)
        second = await bob_editor.write("Other.", initialize=True)
        assert bytes(second) == bytes(first)


async def test_readers_write_nothing_and_strangers_see_nothing(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    note = await create_note(ada, make_grant(bob, "read"))
    async with (
        open_editor(ada, note) as ada_editor,
        open_editor(bob, note) as bob_editor,
        open_editor(cy, note) as cy_editor,
    ):
        await ada_editor.join()
        await bob_editor.join()
        await bob_editor.write("Mine!")
        await cy_editor.socket.emit("ydoc:document:join", {"document_id": cy_editor.id})
        await cy_editor.write("Mine, too!")
        await ada_editor.socket.call(
            "ydoc:document:update", {"document_id": ada_editor.id, "update": [9, 9, 9]}, timeout=5
        )
        await ada_editor.write("Ada's.")
        await bob_editor.receive_update()
        assert cy_editor.states.empty() and cy_editor.updates.empty()
        async with open_editor(ada, note) as late_editor:
            await late_editor.join()
            assert late_editor.text == "Ada's."
        # After losing access Bob receives no more updates.
        (await ada.post(f"{NOTES}/{note}/access/update", {"access_grants": []})).ok()
        await ada_editor.write(" More.")
        await asyncio.sleep(0.2)
        assert bob_editor.updates.empty()


async def test_an_update_sent_before_leaving_is_kept(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(ada, note) as leaving_editor, open_editor(ada, note) as other_editor:
        await leaving_editor.join()
        # The page does not wait for a reply, as when it goes on to the next note.
        await leaving_editor.send("Going.")
        await leaving_editor.socket.emit("ydoc:document:leave", {"document_id": leaving_editor.id})
        await leaving_editor.socket.call("user-join", {"auth": {"token": ada.token}}, timeout=5)
        await other_editor.join()
        assert other_editor.text == "Going."
    await wait_until_saved(ada, note, "Going.")


async def test_an_update_sent_while_closing_is_saved(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(ada, note) as editor:
        await editor.join()
        await editor.send("Gone.")
        # The disconnect packet of Socket.IO arrives together with the update.
        await editor.socket.eio.send("1")
        await editor.socket.eio.queue.join()
    await wait_until_saved(ada, note, "Gone.")


async def test_an_unresponsive_page_does_not_delay_others(server: Server, ada: Person, bob: Person) -> None:
    note = await create_note(ada, make_grant(bob, "read"), make_grant(bob, "write"))
    async with open_editor(ada, note) as ada_editor, open_editor(bob, note) as bob_editor:
        await ada_editor.join()
        await bob_editor.join()
        realtime = server.services.get(SocketServer)
        (sid,) = realtime.sessions.list_user_socket_ids(bob.id)
        silent_socket = realtime.io.eio.sockets[realtime.io.manager.eio_sid_from_sid(sid, "/")]
        silent_socket.last_ping = 1  # the next message to it finds that the connection is lost
        await ada_editor.write("Still ")
        await ada_editor.write("here.")
        async with open_editor(ada, note) as late_editor:
            await late_editor.join()
            assert late_editor.text == "Still here."
    await wait_until_saved(ada, note, "Still here.")


async def test_invalid_updates_change_nothing(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(ada, note) as sender, open_editor(ada, note) as receiver:
        await sender.join()
        await receiver.join()
        for update in (10**18, "text", {"0": 1}, [300], [-1], [1.5], [None], [[]], True):
            message = {"document_id": sender.id, "update": update, "initialize": True}
            assert await sender.socket.call("ydoc:document:update", message, timeout=5) is None
        await sender.write("Words.")
        await receiver.receive_update()
        assert receiver.text == "Words." and receiver.updates.empty()


async def test_packets_that_no_page_sends_reach_no_other(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = await create_note(ada)
    async with open_editor(ada, note) as sender, open_editor(ada, note) as receiver:
        await sender.join()
        await receiver.join()
        with monkeypatch.context() as patch:
            patch.setattr(shared_document, "merge_yjs_updates", None)  # it would take tens of milliseconds
            large = bytes(shared_document.LARGEST_DOCUMENT + 1)
            message = {"document_id": sender.id, "update": large}
            assert await sender.socket.call("ydoc:document:update", message, timeout=20) is None
        for update in (bytes(100_000), "text", None, {"0": 1}):
            await sender.socket.emit("ydoc:awareness:update", {"document_id": sender.id, "update": update})
        await sender.socket.emit("ydoc:awareness:update", {"document_id": sender.id, "update": bytes(2)})
        assert (await asyncio.wait_for(receiver.awareness.get(), 5))["update"] == [0, 0]
        assert receiver.updates.empty()


async def test_an_acknowledged_update_is_saved_after_the_page_closes(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(ada, note) as editor:
        await editor.join()
        await editor.write("Last words.")
    await wait_until_saved(ada, note, "Last words.")
    # No page has it open: the next one starts from the stored note.
    async with open_editor(ada, note) as next_editor:
        state = await next_editor.join()
        assert state["state"] == [0, 0] and state["content"] == {"md": "Last words."}


async def test_a_note_is_saved_once_its_database_is_free(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(ada, note) as editor:
        await editor.join()
        async with lock_tables(server, "note"):
            await editor.write("Patience.")
            await asyncio.sleep(1.5)  # a saving meets the lock
    await wait_until_saved(ada, note, "Patience.")


async def test_a_note_is_saved_while_its_author_writes_without_a_pause(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(ada, note) as editor:
        await editor.join()
        for _ in range(30):
            await editor.write("word ")
            await asyncio.sleep(0.1)
        assert (await ada.get(f"{NOTES}/{note}")).ok()["data"]["content"]["md"] != ""
