"""The cluster of several processes that share a Redis."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from fastback.kit.cluster import redis_scripts
from fastback.kit.cluster.interface import GapListener, Lease, Listener, StreamEntry
from fastback.kit.cluster.local import LocalCluster
from fastback.kit.cluster.redis_commands import RedisCommands, do_nothing, to_milliseconds
from fastback.kit.cluster.redis_deliveries import Deliveries
from fastback.kit.cluster.redis_leases import RedisLeases
from fastback.kit.cluster.redis_link import RedisLink
from fastback.kit.redis import Redis

log = logging.getLogger("fastback.cluster")

#: The channel on which a process tells the others that messages were lost.
_GAPS = "gaps"
#: Bytes of the process's id before each message.
_ID_LENGTH = 16
#: Seconds in which several gaps count as one.
_GAP_PAUSE = 0.1
#: Entries of streams that wait for Redis.
_MAX_UNSENT = 10_000


class _Append(NamedTuple):
    """An entry of a stream; an id of 0 is replaced by a new one."""

    stream: str
    content: bytes
    expires_in: float
    limit: int
    id: int = 0


class RedisCluster:
    """Implements `Cluster` over Redis.

    While Redis does not answer, this process goes on alone, as if it had a cluster of its own. When Redis is back, the
    process stores its leases and entries there again, unless others have them by now; and gap listeners are called in
    every process.
    """

    spans_processes = True

    def __init__(self, redis: Redis) -> None:
        node_id = uuid.uuid4()
        self.node_id = node_id.hex
        self._sender = node_id.bytes
        self._redis = redis
        #: Listeners, a copy of this process's entries, and everything else while Redis does not answer.
        self._local = LocalCluster()
        self._commands = RedisCommands(redis)
        self._leases = RedisLeases(self._commands)
        #: What was appended to streams while Redis did not answer.
        self._unsent: deque[_Append] = deque(maxlen=_MAX_UNSENT)
        self._gap_listeners: list[GapListener] = []
        self._is_gap_noted = False
        self._gap_tasks: set[asyncio.Task[None]] = set()
        self._deliveries = Deliveries(self._local.publish, self._note_gap)
        self._link = RedisLink(redis, receive=self._receive, on_connect=self._rejoin)
        self._link.subscribe(_GAPS)

    async def start(self) -> None:
        """Connect. Where Redis does not answer within some seconds, this process begins alone."""
        await self._link.start()

    # Messages

    @property
    def has_gaps(self) -> bool:
        return not self._redis.is_up or self._link.has_lost_messages or bool(self._gap_tasks)

    async def publish(self, channel: str, message: bytes, *, is_kept: bool = False) -> None:
        self._link.send(channel, self._sender + message, is_kept=is_kept)
        await self._local.publish(channel, message)

    def drop_kept_messages(self) -> None:
        self._link.drop_backlog()

    def measure_waiting(self) -> dict[str, int]:
        return {"out": self._link.count_waiting(), "in": self._deliveries.count_waiting()}

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        if not self._local.has_listener(channel):
            self._link.subscribe(channel)
        unsubscribe = self._local.subscribe(channel, listener)

        def end() -> None:
            had_listener = self._local.has_listener(channel)
            unsubscribe()
            if had_listener and not self._local.has_listener(channel):
                self._link.unsubscribe(channel)

        return end

    def subscribe_to_gaps(self, listener: GapListener) -> None:
        self._gap_listeners.append(listener)

    def _receive(self, channel: str, message: bytes) -> None:
        if message[:_ID_LENGTH] == self._sender:
            return
        if channel == _GAPS:
            self._note_gap()
        else:
            self._deliveries.add(channel, message[_ID_LENGTH:])

    def _note_gap(self) -> None:
        if not self._is_gap_noted:
            self._is_gap_noted = True
            task = asyncio.get_running_loop().create_task(self._call_gap_listeners())
            self._gap_tasks.add(task)
            task.add_done_callback(self._gap_tasks.discard)

    async def _call_gap_listeners(self) -> None:
        await asyncio.sleep(_GAP_PAUSE)
        self._is_gap_noted = False  # a gap from now on is another one
        for listener in self._gap_listeners:
            try:
                result = listener()
                if result is not None:
                    await result
            except Exception:
                log.exception("a listener for lost messages failed")

    async def _rejoin(self) -> None:
        """Store in Redis what this process holds, and tell everybody that messages may be missing."""
        await self._leases.restore()
        for table, key, value, seconds in self._local.list_all_entries():
            await self._put_in_redis(table, key, value, seconds, keeps_existing=True)
        for _ in range(len(self._unsent)):
            await self._append_in_redis(self._unsent.popleft())
        if self._link.has_lost_messages:
            self._link.has_lost_messages = False
            self._link.send(_GAPS, self._sender)
            self._note_gap()

    # Leases

    async def acquire_lease(self, name: str, *, seconds: float) -> Lease | None:
        return await self._leases.acquire(name, seconds)

    # Counters

    async def increment(self, name: str, amount: int = 1, *, expires_in: float | None = None) -> int:
        key = self._commands.build_key("counter", name)

        async def change(client: Any) -> int:
            return int(await client.eval(redis_scripts.INCREMENT, 1, key, amount, to_milliseconds(expires_in)))

        return await self._commands.run(change, lambda: self._local.increment(name, amount, expires_in=expires_in))

    async def read_counter(self, name: str) -> int:
        key = self._commands.build_key("counter", name)

        async def read(client: Any) -> int:
            return int(await client.get(key) or 0)

        return await self._commands.run(read, lambda: self._local.read_counter(name))

    # Entries

    async def put_entry(self, table: str, key: str, value: bytes, *, expires_in: float | None = None) -> None:
        await self._local.put_entry(table, key, value, expires_in=expires_in)
        await self._put_in_redis(table, key, value, expires_in)

    async def _put_in_redis(
        self, table: str, key: str, value: bytes, expires_in: float | None, *, keeps_existing: bool = False
    ) -> None:
        keys = self._commands.build_table_keys(table)

        async def put(client: Any) -> None:
            milliseconds = to_milliseconds(expires_in)
            await client.eval(redis_scripts.PUT_ENTRY, 2, *keys, key, value, milliseconds, int(keeps_existing))

        await self._commands.run(put, do_nothing)

    async def get_entry(self, table: str, key: str) -> bytes | None:
        keys = self._commands.build_table_keys(table)

        async def get(client: Any) -> bytes | None:
            value: bytes | None = await client.eval(redis_scripts.GET_ENTRY, 2, *keys, key)
            return value

        return await self._commands.run(get, lambda: self._local.get_entry(table, key))

    async def list_entries(self, table: str) -> dict[str, bytes]:
        keys = self._commands.build_table_keys(table)

        async def list_all(client: Any) -> dict[str, bytes]:
            flat = await client.eval(redis_scripts.LIST_ENTRIES, 2, *keys)
            return {key.decode(): value for key, value in zip(flat[::2], flat[1::2], strict=True)}

        return await self._commands.run(list_all, lambda: self._local.list_entries(table))

    async def delete_entry(self, table: str, key: str) -> bool:
        keys = self._commands.build_table_keys(table)
        existed = await self._local.delete_entry(table, key)

        async def delete(client: Any) -> bool:
            return bool(await client.eval(redis_scripts.DELETE_ENTRY, 2, *keys, key))

        async def delete_alone() -> bool:
            return existed

        return await self._commands.run(delete, delete_alone)

    # Streams

    async def append(self, stream: str, content: bytes, *, expires_in: float, limit: int = 10_000) -> int:
        return await self._append_in_redis(_Append(stream, content, expires_in, limit))

    async def _append_in_redis(self, entry: _Append) -> int:
        key = self._commands.build_key("stream", entry.stream)

        async def append(client: Any) -> int:
            milliseconds = to_milliseconds(entry.expires_in)
            return int(
                await client.eval(redis_scripts.APPEND, 1, key, entry.content, entry.limit, milliseconds, entry.id)
            )

        async def append_alone() -> int:
            entry_id = await self._local.append(
                entry.stream, entry.content, expires_in=entry.expires_in, limit=entry.limit
            )
            self._unsent.append(entry._replace(id=entry_id))
            return entry_id

        return await self._commands.run(append, append_alone)

    async def read_stream(self, stream: str, *, after: int = 0) -> list[StreamEntry]:
        key = self._commands.build_key("stream", stream)

        async def read(client: Any) -> list[StreamEntry]:
            entries = await client.xrange(key, min=f"{after + 1}-0")
            return [StreamEntry(int(entry_id.partition(b"-")[0]), fields[b"c"]) for entry_id, fields in entries]

        return await self._commands.run(read, lambda: self._local.read_stream(stream, after=after))

    async def close(self) -> None:
        await self._leases.release_all()
        await self._link.close()
        self._deliveries.stop()
        for task in self._gap_tasks:
            task.cancel()
        await self._local.close()
        await self._redis.close()
