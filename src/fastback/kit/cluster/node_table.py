"""Entries of the processes of an installation: each process knows its own and, a moment later, those of the others.

An entry belongs to the process that has put it, and is dropped with that process. A process asks the others for their
entries at its start, and again after messages may have been lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from fastback.kit.cluster.interface import Cluster
from fastback.kit.cluster.node_calls import NodeCalls

log = logging.getLogger("fastback.cluster")

#: Seconds in which a process lists its entries.
_LIST_SECONDS = 5.0


class NodeEntry(NamedTuple):
    """An entry of another process; entries of one `group` are found together."""

    node_id: str
    key: str
    group: str
    value: str


class _Change(msgspec.Struct, array_like=True):
    """An entry of a process was put, or removed where `group` is None."""

    node_id: str
    key: str
    group: str | None
    value: str = ""


#: Called with the groups in which entries of other processes have changed.
ChangeListener = Callable[[set[str]], None]


class NodeTable:
    """The entries of one subject, for example running tasks."""

    def __init__(self, name: str, cluster: Cluster, calls: NodeCalls) -> None:
        self._name = name
        self._cluster = cluster
        self._calls = calls
        self._own: dict[str, tuple[str, str]] = {}
        #: The entries of the other processes, by key, and their keys by group.
        self._others: dict[str, NodeEntry] = {}
        self._keys: dict[str, set[str]] = {}
        #: The processes whose entries are all known.
        self._listed_ids: set[str] = set()
        #: The keys that have changed while another process lists its entries.
        self._changed: dict[str, set[str]] = {}
        self._decoder = msgspec.msgpack.Decoder(_Change)
        self.listeners: list[ChangeListener] = []
        if cluster.spans_processes:
            cluster.subscribe(self._channel, self._receive)
            calls.add(self._method, self._list_own)

    @property
    def _channel(self) -> str:
        return f"table:{self._name}"

    @property
    def _method(self) -> str:
        return f"table.{self._name}"

    # -- entries of this process -------------------------------------------------------------------------------------

    async def put(self, key: str, group: str, value: str = "") -> None:
        """Put an entry of this process."""
        if self._cluster.spans_processes:
            self._own[key] = (group, value)
            await self._publish(_Change(self._cluster.node_id, key, group, value))

    async def remove(self, key: str) -> None:
        """Remove an entry of this process, if there is one."""
        if self._own.pop(key, None) is not None:
            await self._publish(_Change(self._cluster.node_id, key, None))

    async def _publish(self, change: _Change) -> None:
        await self._cluster.publish(self._channel, msgspec.msgpack.encode(change))

    async def _list_own(self, _: object) -> list[tuple[str, str, str]]:
        return [(key, group, value) for key, (group, value) in self._own.items()]

    # -- entries of the others ---------------------------------------------------------------------------------------

    def find(self, key: str) -> NodeEntry | None:
        """Return the entry of another process, or None."""
        return self._others.get(key)

    def list_entries(self) -> list[NodeEntry]:
        """List the entries of the other processes."""
        return list(self._others.values())

    def list_group(self, group: str) -> list[NodeEntry]:
        """List the entries of a group, of the other processes, in the order of their keys."""
        return [self._others[key] for key in sorted(self._keys.get(group, ()))]

    def list_groups(self) -> set[str]:
        """Return the groups that have an entry of another process."""
        return set(self._keys)

    def has_group(self, group: str) -> bool:
        """Return whether another process has an entry of a group."""
        return group in self._keys

    def list_nodes(self, group: str) -> set[str]:
        """Return the ids of the other processes that have an entry of a group."""
        return {self._others[key].node_id for key in self._keys.get(group, ())}

    def is_complete(self, node_id: str) -> bool:
        """Return whether all entries of another process are known."""
        return node_id in self._listed_ids

    def note_gap(self) -> None:
        """Note that changes of other processes may have been lost, until each has listed its entries again."""
        self._listed_ids.clear()

    async def load_node(self, node_id: str) -> None:
        """Ask another process for its entries, and replace those that are there.

        Raises:
            CallFailed: it did not reply.
        """
        changed: set[str] = set()
        self._changed[node_id] = changed
        try:
            entries = await self._calls.call(node_id, self._method, seconds=_LIST_SECONDS)
        finally:
            is_newest = self._changed.get(node_id) is changed
            if is_newest:
                del self._changed[node_id]
        if is_newest:
            self._listed_ids.add(node_id)
        listed_keys = set()
        for key, group, value in entries:
            listed_keys.add(key)
            if key not in changed:
                self._put_other(NodeEntry(node_id, key, group, value))
        for entry in self.list_entries():
            if entry.node_id == node_id and entry.key not in listed_keys and entry.key not in changed:
                self._remove_other(entry.key)
        self._call_listeners({entry.group for entry in self._others.values() if entry.node_id == node_id})

    def drop_node(self, node_id: str) -> None:
        """Drop the entries of a process that is gone."""
        self._listed_ids.discard(node_id)
        entries = [entry for entry in self._others.values() if entry.node_id == node_id]
        for entry in entries:
            self._remove_other(entry.key)
        self._call_listeners({entry.group for entry in entries})

    def _call_listeners(self, groups: set[str]) -> None:
        for listener in list(self.listeners) if groups else ():
            listener(groups)

    def _receive(self, content: bytes) -> None:
        change = self._decoder.decode(content)
        if change.node_id == self._cluster.node_id:
            return
        if (changed := self._changed.get(change.node_id)) is not None:
            changed.add(change.key)
        if change.group is not None:
            self._put_other(NodeEntry(change.node_id, change.key, change.group, change.value))
            self._call_listeners({change.group})
        elif (entry := self._others.get(change.key)) is not None and entry.node_id == change.node_id:
            self._remove_other(change.key)
            self._call_listeners({entry.group})

    def _put_other(self, entry: NodeEntry) -> None:
        self._remove_other(entry.key)
        self._others[entry.key] = entry
        self._keys.setdefault(entry.group, set()).add(entry.key)

    def _remove_other(self, key: str) -> None:
        entry = self._others.pop(key, None)
        if entry is None:
            return
        keys = self._keys[entry.group]
        keys.discard(key)
        if not keys:
            del self._keys[entry.group]
