"""Two pages that write a note together, each connected to the node that nginx chooses for its address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import pycrdt
import socketio

from bench.servers import Running
from bench.soak_load import Load

#: Words that each page adds, and seconds until the other page has one.
_WORDS, _ARRIVAL_SECONDS = 5, 10.0


class NoteEditor:
    """A page with an open note, and its Yjs document."""

    def __init__(self, note_id: str, sockets: aiohttp.ClientSession) -> None:
        self._document_id = f"note:{note_id}"
        self._socket = socketio.AsyncClient(reconnection=False, http_session=sockets)
        self._document: Any = pycrdt.Doc({"text": pycrdt.Text()})
        self._has_changed = asyncio.Event()
        self._socket.on("ydoc:document:state", self._receive_state)
        self._socket.on("ydoc:document:update", self._receive_update)

    async def open(self, server: Running) -> None:
        """Connect, open the note, and wait for its content."""
        auth = {"token": server.token}
        await self._socket.connect(server.url, socketio_path="/ws/socket.io", transports=["websocket"], auth=auth)
        await self._socket.emit("user-join", {"auth": auth})
        self._has_changed.clear()
        await self._socket.emit("ydoc:document:join", {"document_id": self._document_id, "user_name": "Bench"})
        await asyncio.wait_for(self._has_changed.wait(), _ARRIVAL_SECONDS)

    async def close(self) -> None:
        await self._socket.disconnect()

    def _receive_state(self, message: dict[str, Any]) -> None:
        self._document.apply_update(bytes(message["state"]))
        self._has_changed.set()

    def _receive_update(self, message: dict[str, Any]) -> None:
        self._document.apply_update(bytes(message["update"]))
        self._has_changed.set()

    async def add_word(self, word: str) -> None:
        """Change the text, and send the change to the server."""
        updates: list[bytes] = []
        subscription = self._document.observe(lambda event: updates.append(event.update))
        self._document["text"] += word
        self._document.unobserve(subscription)
        content = {"content": {"md": str(self._document["text"])}}
        message = {"document_id": self._document_id, "update": list(updates[0]), "data": content}
        await self._socket.emit("ydoc:document:update", message)

    async def wait_for_word(self, word: str) -> None:
        async with asyncio.timeout(_ARRIVAL_SECONDS):
            while word not in str(self._document["text"]):
                self._has_changed.clear()
                await self._has_changed.wait()


async def write_together(load: Load, server: Running, sessions: Sequence[aiohttp.ClientSession]) -> None:
    """Create a note, let a page of each session write in it in turn, and delete it.

    Raises:
        TimeoutError: a word of one page does not reach another.
    """
    form = {"title": "Together", "data": {"content": {"md": ""}}, "meta": None}
    note_id = (await load.request("POST", "/api/v1/notes/create", json=form))["id"]
    editors = [NoteEditor(note_id, session) for session in sessions]
    try:
        for editor in editors:
            await editor.open(server)
        for number in range(_WORDS * len(editors)):
            writer, word = editors[number % len(editors)], f"word{number} "
            await writer.add_word(word)
            for reader in editors:
                await reader.wait_for_word(word)
    finally:
        for editor in editors:
            await editor.close()
        await load.request("DELETE", f"/api/v1/notes/{note_id}/delete")
