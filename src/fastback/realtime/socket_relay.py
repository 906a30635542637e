"""Socket events on their way to the sockets of other processes: encoded once, and passed on as they are."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster import Cluster

_CHANNEL = "sockets"


class RelayedEvent(msgspec.Struct, array_like=True):
    """An encoded event for the sockets in a room but `skip`; see `SocketServer.emit`."""

    node_id: str
    room: str
    skip: str | None
    replaces: str | None
    content: bytes


class SocketRelay:
    """Send events to the other processes; `receive` is called with those that they send."""

    def __init__(self, *, cluster: Cluster, nodes: Nodes, receive: Callable[[RelayedEvent], None]) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._receive = receive
        self._decoder = msgspec.msgpack.Decoder(RelayedEvent)
        cluster.subscribe(_CHANNEL, self._handle)
        cluster.subscribe(f"{_CHANNEL}:{nodes.id}", self._handle)

    @property
    def has_receivers(self) -> bool:
        """Whether another process runs."""
        return self._nodes.has_others

    async def send(
        self,
        room: str,
        content: bytes,
        *,
        skip: str | None = None,
        replaces: str | None = None,
        node_id: str | None = None,
    ) -> None:
        """Send an event to every other process, or only to `node_id`; in an outage of Redis it waits."""
        event = RelayedEvent(self._nodes.id, room, skip, replaces, content)
        channel = _CHANNEL if node_id is None else f"{_CHANNEL}:{node_id}"
        await self._cluster.publish(channel, msgspec.msgpack.encode(event), is_kept=True)

    def _handle(self, message: bytes) -> None:
        event = self._decoder.decode(message)
        # What a process that was found dead has sent before is stale: its answers have their ends.
        if event.node_id != self._nodes.id and not self._nodes.is_gone(event.node_id):
            self._receive(event)
