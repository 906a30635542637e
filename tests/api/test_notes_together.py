"""Writing in a note at the same time: pages receive the changes of others, and a page that joins later receives all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pycrdt
import socketio

from conftest import Person, Server
from fastback.realtime.server import SocketServer

NOTES = "/api/v1/notes"


class Editor:
    """A page with an open note, and its Yjs document."""

    def __init__(self, person: Person, note: str) -> None:
        self.person = person
        self.id = f"note:{note}"
        self.socket = socketio.AsyncClient(reconnection=False)
        self.doc: Any = pycrdt.Doc({"t": pycrdt.Text()})
        self.states: asyncio.Queue[Any] = asyncio.Queue()
        self.updates: asyncio.Queue[Any] = asyncio.Queue()
        self.awareness: asyncio.Queue[Any] = asyncio.Queue()
        self.socket.on("ydoc:document:state", self.states.put)
        self.socket.on("ydoc:document:update", self.updates.put)
        self.socket.on("ydoc:awareness:update", self.awareness.put)

    @property
    def text(self) -> str:
        return str(self.doc["t"])

    async def join(self) -> Any:
        """Open the document, and apply the state that the server sends."""
        await self.socket.emit("ydoc:document:join", {"document_id": self.id, "user_name": "x"})
        state = await asyncio.wait_for(self.states.get(), 5)
        self.doc.apply_update(bytes(state["state"]))
        return state

    def _change_text(self, text: str) -> dict[str, Any]:
        """Change the text, and return the update message for the server."""
        updates: list[bytes] = []
        subscription = self.doc.observe(lambda event: updates.append(event.update))
        self.doc["t"] += text
        self.doc.unobserve(subscription)
        return {"document_id": self.id, "update": list(updates[0]), "data": {"content": {"md": self.text}}}

    async def write(self, text: str, **more: Any) -> Any:
        """Change the text, send the update, and return the server's reply."""
        return await self.socket.call("ydoc:document:update", {**self._change_text(text), **more}, timeout=5)

    async def send(self, text: str) -> None:
        """Change the text, and send the update without waiting for a reply."""
        await self.socket.emit("ydoc:document:update", self._change_text(text))

    async def receive_update(self) -> None:
        """Wait for an update from the server, and apply it."""
        message = await asyncio.wait_for(self.updates.get(), 5)
        self.doc.apply_update(bytes(message["update"]))


@asynccontextmanager
async def open_editor(server: Server, person: Person, note: str) -> AsyncIterator[Editor]:
    editor = Editor(person, note)
    await editor.socket.connect(
        server.url, socketio_path="/ws/socket.io", transports=["websocket"], auth={"token": person.token}
    )
    try:
        yield editor
    finally:
        await editor.socket.disconnect()


async def create_note(ada: Person, *grants: dict[str, str]) -> str:
    """Create an empty note with these grants, and return its id."""
    form = {"title": "Birds", "data": {"content": {"md": ""}}, "access_grants": list(grants)}
    return str((await ada.post(f"{NOTES}/create", form)).ok()["id"])


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
    async with open_editor(server, ada, note) as ada_editor, open_editor(server, bob, note) as bob_editor:
        assert (await ada_editor.join())["state"] == [0, 0]
        assert (await bob_editor.join())["content"] == {"md": ""}
        for number in range(250):
            await ada_editor.write(f"{number} ")
            await bob_editor.receive_update()
        await bob_editor.write("Bob.")
        await ada_editor.receive_update()
        assert ada_editor.text == bob_editor.text and ada_editor.text.endswith("249 Bob.")
        async with open_editor(server, ada, note) as late_editor:
            await late_editor.join()
            assert late_editor.text == ada_editor.text
        await ada_editor.socket.emit("ydoc:awareness:update", {"document_id": ada_editor.id, "update": [1, 2]})
        awareness = await asyncio.wait_for(bob_editor.awareness.get(), 5)
        assert awareness["user_id"] == ada.id and awareness["update"] == [1, 2]
        await wait_until_saved(ada, note, ada_editor.text)


async def test_the_first_initialisation_of_a_document_wins(server: Server, ada: Person, bob: Person) -> None:
    note = await create_note(ada, make_grant(bob, "read"), make_grant(bob, "write"))
    async with open_editor(server, ada, note) as ada_editor, open_editor(server, bob, note) as bob_editor:
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
        open_editor(server, ada, note) as ada_editor,
        open_editor(server, bob, note) as bob_editor,
        open_editor(server, cy, note) as cy_editor,
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
        async with open_editor(server, ada, note) as late_editor:
            await late_editor.join()
            assert late_editor.text == "Ada's."
        # After losing access Bob receives no more updates.
        (await ada.post(f"{NOTES}/{note}/access/update", {"access_grants": []})).ok()
        await ada_editor.write(" More.")
        await asyncio.sleep(0.2)
        assert bob_editor.updates.empty()


async def test_an_update_sent_before_leaving_is_kept(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(server, ada, note) as leaving_editor, open_editor(server, ada, note) as other_editor:
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
    async with open_editor(server, ada, note) as editor:
        await editor.join()
        await editor.send("Gone.")
        # The disconnect packet of Socket.IO arrives together with the update.
        await editor.socket.eio.send("1")
        await editor.socket.eio.queue.join()
    await wait_until_saved(ada, note, "Gone.")


async def test_an_unresponsive_page_does_not_delay_others(server: Server, ada: Person, bob: Person) -> None:
    note = await create_note(ada, make_grant(bob, "read"), make_grant(bob, "write"))
    async with open_editor(server, ada, note) as ada_editor, open_editor(server, bob, note) as bob_editor:
        await ada_editor.join()
        await bob_editor.join()
        realtime = server.services.get(SocketServer)
        (sid,) = realtime.sessions.list_user_socket_ids(bob.id)
        silent_socket = realtime.io.eio.sockets[realtime.io.manager.eio_sid_from_sid(sid, "/")]
        silent_socket.last_ping = 1  # the next message to it finds that the connection is lost
        await ada_editor.write("Still ")
        await ada_editor.write("here.")
        async with open_editor(server, ada, note) as late_editor:
            await late_editor.join()
            assert late_editor.text == "Still here."
    await wait_until_saved(ada, note, "Still here.")


async def test_invalid_updates_change_nothing(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(server, ada, note) as sender, open_editor(server, ada, note) as receiver:
        await sender.join()
        await receiver.join()
        for update in (10**18, "text", {"0": 1}, [300], [-1], [1.5], [None], [[]], True):
            message = {"document_id": sender.id, "update": update, "initialize": True}
            assert await sender.socket.call("ydoc:document:update", message, timeout=5) is None
        await sender.write("Words.")
        await receiver.receive_update()
        assert receiver.text == "Words." and receiver.updates.empty()


async def test_an_acknowledged_update_is_saved_after_the_page_closes(server: Server, ada: Person) -> None:
    note = await create_note(ada)
    async with open_editor(server, ada, note) as editor:
        await editor.join()
        await editor.write("Last words.")
    await wait_until_saved(ada, note, "Last words.")
    # No page has it open: the next one starts from the stored note.
    async with open_editor(server, ada, note) as next_editor:
        state = await next_editor.join()
        assert state["state"] == [0, 0] and state["content"] == {"md": "Last words."}
