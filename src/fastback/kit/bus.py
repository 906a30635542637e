"""Domain events: publishers do not know the listeners, which may be in other processes of the installation, too."""

from __future__ import annotations

import inspect
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from fastback.kit.cluster import Cluster

log = logging.getLogger("fastback.bus")

E = TypeVar("E")

Listener = Callable[[Any], Awaitable[None] | None]

#: The cluster's channel that carries events to other processes.
_CHANNEL = "events"


class EventsLost(msgspec.Struct, frozen=True):
    """Events of other processes may have been lost: what was derived from them is to be dropped or read again."""


class _Envelope(msgspec.Struct):
    """An event on its way to other processes; `kind` is the path of its type."""

    kind: str
    event: msgspec.Raw


class Bus:
    """Pass events to the listeners of their type, in the order of subscription.

    Where a listener fails, the error is logged and the remaining listeners are called; nothing is rolled back. Most
    listeners hear the events of their own process. Caches listen `elsewhere`, too: the cluster carries the events of
    such types, which are structs of plain values.
    """

    def __init__(self, cluster: Cluster | None = None) -> None:
        self._cluster = cluster if cluster is not None and cluster.spans_processes else None
        self._listeners: dict[type[Any], list[Listener]] = defaultdict(list)
        self._remote_listeners: dict[type[Any], list[Listener]] = defaultdict(list)
        #: The types that are sent, by their path.
        self._sent_types: dict[str, type[Any]] = {}
        if self._cluster is not None:
            self._cluster.subscribe(_CHANNEL, self._receive)
            self._cluster.subscribe_to_gaps(lambda: self.publish_here(EventsLost()))

    def subscribe(
        self,
        kind: type[E],
        listener: Callable[[E], Awaitable[None] | None],
        *,
        here: bool = True,
        elsewhere: bool = False,
    ) -> None:
        """Call `listener` with every event of exactly this type.

        `here`: that this process publishes. `elsewhere`: that the other processes of the installation publish.
        """
        if here:
            self._listeners[kind].append(listener)
        if elsewhere:
            self._remote_listeners[kind].append(listener)
            self._sent_types[_get_path(kind)] = kind

    async def publish(self, event: object) -> None:
        """Call every listener of the event's type, one after the other, and wait for each in this process."""
        if self._cluster is not None and type(event) in self._remote_listeners:
            envelope = _Envelope(_get_path(type(event)), msgspec.Raw(msgspec.json.encode(event)))
            await self._cluster.publish(_CHANNEL, msgspec.json.encode([self._cluster.node_id, envelope]))
        await self.publish_here(event)

    async def publish_here(self, event: object) -> None:
        """Call the listeners of the event's type in this process only."""
        await _call(self._listeners.get(type(event), ()), event)

    async def _receive(self, message: bytes) -> None:
        node_id, envelope = msgspec.json.decode(message, type=tuple[str, _Envelope])
        if self._cluster is None or node_id == self._cluster.node_id:
            return
        kind = self._sent_types.get(envelope.kind)
        if kind is None:
            return  # of another version
        await _call(self._remote_listeners[kind], msgspec.json.decode(envelope.event, type=kind))


async def _call(listeners: list[Listener] | tuple[()], event: object) -> None:
    for listener in listeners:
        try:
            result = listener(event)
            if inspect.isawaitable(result):
                await result
        except Exception:
            log.exception("a listener of %s failed", type(event).__name__)


def _get_path(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
