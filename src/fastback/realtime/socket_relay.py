"""Socket events on their way to the sockets of other processes: encoded once, and passed on as they are.

Only processes that have a socket in the room get the events of a user or of a chat: a token costs as much among ten
processes as among two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_table import NodeTable


class RelayedEvent(msgspec.Struct, array_like=True):
    """An encoded event for the sockets in a room but `skip`; see `SocketServer.emit`."""

    node_id: str
    room: str
    skip: str | None
    replaces: str | None
    content: bytes


class SocketRelay:
    """Send events to the other processes; `receive` is called with those that they send.

    `tables`: who has a socket in the rooms `kind:{id}`, by kind; the entries of a table are grouped by these ids.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        nodes: Nodes,
        tables: dict[str, NodeTable],
        receive: Callable[[RelayedEvent], None],
    ) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._tables = tables
        self._receive = receive
        self._decoder = msgspec.msgpack.Decoder(RelayedEvent)
        cluster.subscribe(_get_channel(nodes.id), self._handle)

    def find_receivers(self, room: str, sid: str | None = None) -> Collection[str]:
        """Return the ids of the other processes that may have a socket in a room, and of the one with socket `sid`."""
        if not self._nodes.has_others:
            return ()
        kind, _, group = room.partition(":")
        table = self._tables.get(kind)
        node_ids = self._nodes.find_with_entry(table, group) if table is not None else None
        if node_ids is None:
            return self._nodes.list_other_ids()
        if sid is not None and (node_id := self._nodes.find_by_socket(sid)) is not None:
            node_ids.add(node_id)
        return node_ids

    async def send(
        self,
        node_ids: Collection[str],
        room: str,
        content: bytes,
        *,
        skip: str | None = None,
        replaces: str | None = None,
    ) -> None:
        """Send an event to these processes; in an outage of Redis it waits.

        Each process has one channel, so that it gets all events of another one in order.
        """
        message = msgspec.msgpack.encode(RelayedEvent(self._nodes.id, room, skip, replaces, content))
        for node_id in node_ids:
            await self._cluster.publish(_get_channel(node_id), message, is_kept=True)

    def _handle(self, message: bytes) -> None:
        event = self._decoder.decode(message)
        # What a process that was found dead has sent before is stale: its answers have their ends.
        if event.node_id != self._nodes.id and not self._nodes.is_gone(event.node_id):
            self._receive(event)


def _get_channel(node_id: str) -> str:
    return f"sockets:{node_id}"
