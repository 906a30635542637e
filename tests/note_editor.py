"""Pages that edit a note together, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pycrdt
import socketio

from conftest import Person

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
async def open_editor(person: Person, note: str) -> AsyncIterator[Editor]:
    editor = Editor(person, note)
    await editor.socket.connect(
        person.url,
        socketio_path="/ws/socket.io",
        wait_timeout=10,
        transports=["websocket"],
        auth={"token": person.token},
    )
    try:
        yield editor
    finally:
        await editor.socket.disconnect()


async def create_note(ada: Person, *grants: dict[str, str]) -> str:
    """Create an empty note with these grants, and return its id."""
    form = {"title": "Birds", "data": {"content": {"md": ""}}, "access_grants": list(grants)}
    return str((await ada.post(f"{NOTES}/create", form)).ok()["id"])
