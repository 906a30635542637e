"""Writing in a note at the same time: what one page changes the others get, whoever comes later gets all of it."""

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
    """A page with a note open, and its Yjs document."""

    def __init__(self, person: Person, note: str) -> None:
        self.person = person
        self.id = f"note:{note}"
        self.socket = socketio.AsyncClient(reconnection=False)
        self.doc: Any = pycrdt.Doc({"t": pycrdt.Text()})
        self.states: asyncio.Queue[Any] = asyncio.Queue()
        self.updates: asyncio.Queue[Any] = asyncio.Queue()
        self.others: asyncio.Queue[Any] = asyncio.Queue()
        self.socket.on("ydoc:document:state", self.states.put)
        self.socket.on("ydoc:document:update", self.updates.put)
        self.socket.on("ydoc:awareness:update", self.others.put)

    @property
    def text(self) -> str:
        return str(self.doc["t"])

    async def join(self) -> Any:
        """The state that the server tells."""
        await self.socket.emit("ydoc:document:join", {"document_id": self.id, "user_name": "x"})
        state = await asyncio.wait_for(self.states.get(), 5)
        self.doc.apply_update(bytes(state["state"]))
        return state

    def _written(self, text: str) -> dict[str, Any]:
        """Change the text; what the server is told of that."""
        made: list[bytes] = []
        watching = self.doc.observe(lambda event: made.append(event.update))
        self.doc["t"] += text
        self.doc.unobserve(watching)
        return {"document_id": self.id, "update": list(made[0]), "data": {"content": {"md": self.text}}}

    async def write(self, text: str, **more: Any) -> Any:
        """Change the text, and tell the server; its answer."""
        return await self.socket.call("ydoc:document:update", {**self._written(text), **more}, timeout=5)

    async def send(self, text: str) -> None:
        """Change the text, and tell the server without waiting for an answer."""
        await self.socket.emit("ydoc:document:update", self._written(text))

    async def hear(self) -> None:
        told = await asyncio.wait_for(self.updates.get(), 5)
        self.doc.apply_update(bytes(told["update"]))


@asynccontextmanager
async def editing(server: Server, person: Person, note: str) -> AsyncIterator[Editor]:
    editor = Editor(person, note)
    await editor.socket.connect(
        server.url, socketio_path="/ws/socket.io", transports=["websocket"], auth={"token": person.token}
    )
    try:
        yield editor
    finally:
        await editor.socket.disconnect()


async def made(ada: Person, *grants: dict[str, str]) -> str:
    form = {"title": "Birds", "data": {"content": {"md": ""}}, "access_grants": list(grants)}
    return str((await ada.post(f"{NOTES}/create", form)).ok()["id"])


def grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def saved(person: Person, note: str, text: str) -> None:
    """Wait until a note says something."""
    for _ in range(100):
        if (await person.get(f"{NOTES}/{note}")).ok()["data"]["content"]["md"] == text:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it was not saved")


async def test_two_write_and_a_third_comes_later(server: Server, ada: Person, bob: Person) -> None:
    note = await made(ada, grant(bob, "read"), grant(bob, "write"))
    async with editing(server, ada, note) as one, editing(server, bob, note) as two:
        assert (await one.join())["state"] == [0, 0]
        assert (await two.join())["content"] == {"md": ""}
        for number in range(250):
            await one.write(f"{number} ")
            await two.hear()
        await two.write("Bob.")
        await one.hear()
        assert one.text == two.text and one.text.endswith("249 Bob.")
        async with editing(server, ada, note) as three:
            await three.join()
            assert three.text == one.text
        await one.socket.emit("ydoc:awareness:update", {"document_id": one.id, "update": [1, 2]})
        heard = await asyncio.wait_for(two.others.get(), 5)
        assert heard["user_id"] == ada.id and heard["update"] == [1, 2]
        await saved(ada, note, one.text)


async def test_the_first_who_fills_a_document_counts(server: Server, ada: Person, bob: Person) -> None:
    note = await made(ada, grant(bob, "read"), grant(bob, "write"))
    async with editing(server, ada, note) as one, editing(server, bob, note) as two:
        await one.join()
        await two.join()
        first = await one.write("Seed.", initialize=True)
        second = await two.write("Other.", initialize=True)
        assert bytes(second) == bytes(first)


async def test_readers_write_nothing_and_strangers_see_nothing(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    note = await made(ada, grant(bob, "read"))
    async with editing(server, ada, note) as one, editing(server, bob, note) as two, editing(server, cy, note) as three:
        await one.join()
        await two.join()
        await two.write("Mine!")
        await three.socket.emit("ydoc:document:join", {"document_id": three.id})
        await three.write("Mine, too!")
        await one.socket.call("ydoc:document:update", {"document_id": one.id, "update": [9, 9, 9]}, timeout=5)
        await one.write("Ada's.")
        await two.hear()
        assert three.states.empty() and three.updates.empty()
        async with editing(server, ada, note) as late:
            await late.join()
            assert late.text == "Ada's."
        # Who may not read it any more hears no more of it.
        (await ada.post(f"{NOTES}/{note}/access/update", {"access_grants": []})).ok()
        await one.write(" More.")
        await asyncio.sleep(0.2)
        assert two.updates.empty()


async def test_who_leaves_while_writing_leaves_what_was_written(server: Server, ada: Person) -> None:
    note = await made(ada)
    async with editing(server, ada, note) as one, editing(server, ada, note) as two:
        await one.join()
        # Nobody waits for an answer, as a page does that goes on to the next note.
        await one.send("Going.")
        await one.socket.emit("ydoc:document:leave", {"document_id": one.id})
        await one.socket.call("user-join", {"auth": {"token": ada.token}}, timeout=5)
        await two.join()
        assert two.text == "Going."
    await saved(ada, note, "Going.")


async def test_the_last_words_of_a_page_that_is_closed_are_saved(server: Server, ada: Person) -> None:
    note = await made(ada)
    async with editing(server, ada, note) as one:
        await one.join()
        await one.send("Gone.")
        # Socket.IO's farewell arrives together with the words.
        await one.socket.eio.send("1")
        await one.socket.eio.queue.join()
    await saved(ada, note, "Gone.")


async def test_a_page_that_fell_silent_holds_up_nobody(server: Server, ada: Person, bob: Person) -> None:
    note = await made(ada, grant(bob, "read"), grant(bob, "write"))
    async with editing(server, ada, note) as one, editing(server, bob, note) as two:
        await one.join()
        await two.join()
        realtime = server.services.get(SocketServer)
        (sid,) = realtime.sessions.list_user_socket_ids(bob.id)
        silent = realtime.io.eio.sockets[realtime.io.manager.eio_sid_from_sid(sid, "/")]
        silent.last_ping = 1  # what it is told next finds that it is gone
        await one.write("Still ")
        await one.write("here.")
        async with editing(server, ada, note) as late:
            await late.join()
            assert late.text == "Still here."
    await saved(ada, note, "Still here.")


async def test_updates_that_are_none_change_nothing(server: Server, ada: Person) -> None:
    note = await made(ada)
    async with editing(server, ada, note) as one, editing(server, ada, note) as two:
        await one.join()
        await two.join()
        for update in (10**18, "text", {"0": 1}, [300], [-1], [1.5], [None], [[]], True):
            asked = {"document_id": one.id, "update": update, "initialize": True}
            assert await one.socket.call("ydoc:document:update", asked, timeout=5) is None
        await one.write("Words.")
        await two.hear()
        assert two.text == "Words." and two.updates.empty()


async def test_what_was_just_written_is_saved_though_the_page_is_closed(server: Server, ada: Person) -> None:
    note = await made(ada)
    async with editing(server, ada, note) as one:
        await one.join()
        await one.write("Last words.")
    await saved(ada, note, "Last words.")
    # Nobody has it open: the next one starts from the note itself.
    async with editing(server, ada, note) as two:
        state = await two.join()
        assert state["state"] == [0, 0] and state["content"] == {"md": "Last words."}
