"""Shared notes that pages of other processes have open: each process that has one open keeps all of its updates.

Each process saves the texts of its own pages, but not over newer ones: the processes tell each other which
versions of texts they are about to save, and which ones they have saved.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_calls import NodeCalls
from fastback.realtime.note_saving import TextVersion

#: The cluster's channel of updates.
_CHANNEL = "note-updates"
#: The methods that return the state of a note that a process has open, and that save it; and their seconds.
_STATE_METHOD, _SAVE_METHOD, _CALL_SECONDS = "notes.get_state", "notes.save", 2.0
#: The method that only replies, and its seconds.
_READ_METHOD, _READ_SECONDS = "notes.reply", 0.5
#: Seconds in which one process alone may fill an empty note.
_FILLING_SECONDS = 10.0


class NoteChange(msgspec.Struct, array_like=True):
    """What a process tells the others of a note.

    `update`: one of Yjs, or empty. `version_number`: of the text that came with it, if one did; see `TextVersion`.
    `is_saved`: whether this text was saved.
    """

    node_id: str
    note_id: str
    update: bytes = b""
    version_number: int = 0
    is_saved: bool = False

    @property
    def version(self) -> TextVersion:
        return TextVersion(self.version_number, self.node_id)


class DocumentState(NamedTuple):
    """One update with the effect of all updates of a document, and the version number of its newest text."""

    update: bytes
    version_number: int


class OtherDocuments:
    """The documents that other processes have open; a single process has none, and nothing is sent."""

    def __init__(self, *, cluster: Cluster, nodes: Nodes, calls: NodeCalls) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._calls = calls

    def connect(
        self,
        *,
        receive_change: Callable[[NoteChange], None],
        get_state: Callable[[str], DocumentState | None],
        save: Callable[[str], Awaitable[None]],
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        """Serve the other processes with what this one has open, and take their changes.

        `reload` is called where updates may have been lost.
        """
        if not self._nodes.are_several:
            return
        decoder = msgspec.msgpack.Decoder(NoteChange)

        def handle(message: bytes) -> None:
            change = decoder.decode(message)
            if change.node_id != self._nodes.id:
                receive_change(change)

        async def answer_state(note_id: str) -> DocumentState | None:
            return get_state(note_id)

        async def reply(note_id: str) -> None:
            """Return nothing: the reply alone counts."""

        self._cluster.subscribe(_CHANNEL, handle)
        self._cluster.subscribe_to_gaps(reload)
        self._calls.add(_STATE_METHOD, answer_state)
        self._calls.add(_SAVE_METHOD, save)
        self._calls.add(_READ_METHOD, reply)

    def make_version(self, number: int) -> TextVersion:
        """Return the version of a text of this process."""
        return TextVersion(number, self._nodes.id)

    async def send_change(self, note_id: str, update: bytes, *, version_number: int = 0) -> None:
        """Send an update to the other processes, and the version of its text."""
        await self._send(NoteChange(self._nodes.id, note_id, update, version_number))

    async def send_saved(self, note_id: str, version: TextVersion) -> None:
        """Tell the other processes that a text of this one was saved."""
        await self._send(NoteChange(self._nodes.id, note_id, version_number=version.number, is_saved=True))

    async def _send(self, change: NoteChange) -> None:
        if self._nodes.has_others:
            await self._cluster.publish(_CHANNEL, msgspec.msgpack.encode(change))

    async def wait_until_read(self, note_id: str) -> None:
        """Return once all changes have arrived that the other processes have sent so far: a reply comes after them."""
        await self._call_others(_READ_METHOD, note_id, seconds=_READ_SECONDS)

    async def load_states(self, note_id: str) -> list[DocumentState]:
        """Return the state of a note from each process that has it open."""
        replies = await self._call_others(_STATE_METHOD, note_id)
        return [DocumentState(*state) for state in replies if state is not None]

    async def save(self, note_id: str) -> None:
        """Have the other processes save at once what their pages have changed in a note."""
        await self._call_others(_SAVE_METHOD, note_id)

    async def may_fill(self, note_id: str) -> bool:
        """Return whether a page of this process may be the first one to fill an empty note."""
        if not self._nodes.has_others:
            return True
        return await self._cluster.acquire_lease(f"note-filling:{note_id}", seconds=_FILLING_SECONDS) is not None

    async def _call_others(self, method: str, note_id: str, seconds: float = _CALL_SECONDS) -> list[Any]:
        node_ids = self._nodes.list_other_ids()
        replies = await self._calls.call_each(node_ids, method, note_id, seconds=seconds)
        return list(replies.values())
