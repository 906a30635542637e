"""Lists of models that the processes of an installation share: one asks a server, and the others take its list."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from fastback.kit.cluster import Cluster
from fastback.providers.connections import Connection
from fastback.providers.model import Entry

_TABLE = "model-lists"
#: The channel on which a process says for which connection it has `listed` the models or `failed` to.
_CHANNEL = "model-lists"
#: Seconds after which a list is dropped that no process has renewed.
_EXPIRY_SECONDS = 3600.0
#: Seconds in which a server that one process asks is left to it.
_LEASE_SECONDS = 10.0


class _SharedList(msgspec.Struct):
    """The list of a server; `listed_at` is the Unix time at which it was asked for."""

    listed_at: float
    entries: list[Entry]


class ListSharing:
    """Share the lists of servers; `on_list` is called with the digest of a connection that another process has listed.

    Connections are named by a digest of everything in them, since the list of a server may depend on its key.
    """

    def __init__(self, cluster: Cluster, on_list: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._on_list = on_list
        #: What waits for the list of a connection that another process asks for, by digest.
        self._waiting: dict[str, asyncio.Event] = {}
        self._is_shared = cluster.spans_processes
        if self._is_shared:
            cluster.subscribe(_CHANNEL, self._handle_message)

    def _handle_message(self, message: bytes) -> None:
        node_id, outcome, digest = message.decode().split()
        if node_id == self._cluster.node_id:
            return
        if digest in self._waiting:
            self._waiting[digest].set()
        if outcome == "listed":
            self._on_list(digest)

    async def _announce(self, outcome: str, digest: str) -> None:
        await self._cluster.publish(_CHANNEL, f"{self._cluster.node_id} {outcome} {digest}".encode())

    async def find(self, connection: Connection, max_age: float = _EXPIRY_SECONDS) -> list[Entry] | None:
        """Return the list that a process has stored within `max_age` seconds, or None."""
        if not self._is_shared or max_age <= 0:
            return None
        content = await self._cluster.get_entry(_TABLE, build_digest(connection))
        if content is None:
            return None
        shared = msgspec.json.decode(content, type=_SharedList)
        return shared.entries if time.time() - shared.listed_at <= max_age else None

    async def fetch(
        self, connection: Connection, ask: Callable[[], Awaitable[list[Entry]]], max_age: float
    ) -> list[Entry]:
        """Return the list of a server: one that is not older than `max_age` seconds, or what `ask` returns.

        Where another process is asking, its list is waited for.
        """
        if not self._is_shared:
            return await ask()
        entries = await self.find(connection, max_age)
        if entries is not None:
            return entries
        digest = build_digest(connection)
        begun_at = time.time()
        listed = self._waiting.setdefault(digest, asyncio.Event())
        try:
            lease = await self._cluster.acquire_lease(f"model-list:{digest}", seconds=_LEASE_SECONDS)
            if lease is None and max_age > 0:
                await _wait_for(listed)
        finally:
            self._waiting.pop(digest, None)
        try:
            # Another process may have got it meanwhile, also before the lease was acquired.
            entries = await self.find(connection, time.time() - begun_at + max_age) if max_age > 0 else None
            return await self._ask(digest, ask) if entries is None else entries
        finally:
            if lease is not None:
                await lease.release()

    async def _ask(self, digest: str, ask: Callable[[], Awaitable[list[Entry]]]) -> list[Entry]:
        """Ask a server, store its list for the other processes, and tell them the outcome."""
        outcome = "failed"
        try:
            listed_at = time.time()
            entries = await ask()
            content = msgspec.json.encode(_SharedList(listed_at, entries))
            await self._cluster.put_entry(_TABLE, digest, content, expires_in=_EXPIRY_SECONDS)
            outcome = "listed"
            return entries
        finally:
            await self._announce(outcome, digest)


async def _wait_for(listed: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(listed.wait(), _LEASE_SECONDS)


def build_digest(connection: Connection) -> str:
    """Return what names a connection in the cluster."""
    return hashlib.sha256(msgspec.json.encode(connection, order="deterministic")).hexdigest()
