"""Shared notes that pages of other processes have open: each process that has one open keeps all of its updates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_calls import NodeCalls

#: The cluster's channel of updates.
_CHANNEL = "note-updates"
#: The methods that return the state of a note that a process has open, and that save it; and their seconds.
_STATE_METHOD, _SAVE_METHOD, _CALL_SECONDS = "notes.get_state", "notes.save", 2.0
#: Seconds in which one process alone may fill an empty note.
_FILLING_SECONDS = 10.0


class _Update(msgspec.Struct, array_like=True):
    node_id: str
    note_id: str
    update: bytes


class OtherDocuments:
    """The documents that other processes have open; a single process has none, and nothing is sent."""

    def __init__(self, *, cluster: Cluster, nodes: Nodes, calls: NodeCalls) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._calls = calls

    def connect(
        self,
        *,
        receive_update: Callable[[str, bytes], None],
        get_state: Callable[[str], bytes | None],
        save: Callable[[str], Awaitable[None]],
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        """Serve the other processes with what this one has open, and take their updates.

        `reload` is called where updates may have been lost.
        """
        if not self._nodes.are_several:
            return
        decoder = msgspec.msgpack.Decoder(_Update)

        def handle(message: bytes) -> None:
            update = decoder.decode(message)
            if update.node_id != self._nodes.id:
                receive_update(update.note_id, update.update)

        async def answer_state(note_id: str) -> bytes | None:
            return get_state(note_id)

        self._cluster.subscribe(_CHANNEL, handle)
        self._cluster.subscribe_to_gaps(reload)
        self._calls.add(_STATE_METHOD, answer_state)
        self._calls.add(_SAVE_METHOD, save)

    async def send_update(self, note_id: str, update: bytes) -> None:
        """Send an update to the other processes."""
        if self._nodes.has_others:
            message = msgspec.msgpack.encode(_Update(self._nodes.id, note_id, update))
            await self._cluster.publish(_CHANNEL, message)

    async def load_states(self, note_id: str) -> list[bytes]:
        """Return the state of a note from each process that has it open."""
        replies = await self._call_others(_STATE_METHOD, note_id)
        return [state for state in replies if state is not None]

    async def save(self, note_id: str) -> None:
        """Have the other processes save at once what their pages have changed in a note."""
        await self._call_others(_SAVE_METHOD, note_id)

    async def may_fill(self, note_id: str) -> bool:
        """Return whether a page of this process may be the first one to fill an empty note."""
        if not self._nodes.has_others:
            return True
        return await self._cluster.acquire_lease(f"note-filling:{note_id}", seconds=_FILLING_SECONDS) is not None

    async def _call_others(self, method: str, note_id: str) -> list[bytes | None]:
        node_ids = self._nodes.list_other_ids()
        replies = await self._calls.call_each(node_ids, method, note_id, seconds=_CALL_SECONDS)
        return list(replies.values())
