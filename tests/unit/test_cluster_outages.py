"""Redis restarts or hangs: each process goes on alone, and they come together afterwards."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fastback.kit.cluster import redis_link
from fastback.kit.cluster.redis_backlog import Backlog, Order
from fastback.kit.cluster.redis_cluster import RedisCluster
from fastback.kit.redis import Redis
from redis_server import MISSING, RedisServer, run_redis
from waiting import wait_until

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

OPTIONS = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with run_redis(tmp_path) as server:
        yield server


@pytest.fixture
async def nodes(redis: RedisServer) -> AsyncIterator[list[RedisCluster]]:
    prefix = uuid.uuid4().hex
    nodes = [RedisCluster(Redis(redis.url, prefix=prefix, options=OPTIONS)) for _ in range(2)]
    for node in nodes:
        await node.start()
    yield nodes
    for node in nodes:
        await node.close()


def is_up(node: RedisCluster) -> bool:
    return node._redis.is_up


async def test_processes_come_together_after_a_restart(
    redis: RedisServer, nodes: list[RedisCluster], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = nodes
    messages: list[bytes] = []
    gaps: list[str] = []
    second.subscribe("rooms:1", messages.append)
    first.subscribe_to_gaps(lambda: gaps.append("first"))
    second.subscribe_to_gaps(lambda: gaps.append("second"))
    await first.put_entry("present", "ada", b"1")
    await second.put_entry("present", "bob", b"2", expires_in=60)
    lease = await first.acquire_lease("schedule:1", seconds=60)
    assert lease is not None
    await asyncio.sleep(0.3)  # the gaps of the beginning
    gaps.clear()

    redis.stop()
    await wait_until(lambda: not is_up(first) and not is_up(second))
    # Each is alone, and does what it can by itself.
    assert await first.list_entries("present") == {"ada": b"1"}
    assert await second.list_entries("present") == {"bob": b"2"}
    assert await first.increment("count") == 1
    await first.publish("rooms:1", b"lost")
    await first.append("answer:1", b"kept", expires_in=60)
    assert await lease.renew()
    assert await first.acquire_lease("schedule:1", seconds=60) is None

    with caplog.at_level(logging.WARNING, "fastback"):
        redis.start()
        await wait_until(lambda: is_up(first) and is_up(second), seconds=10)
    await wait_until(lambda: {"first", "second"} <= set(gaps))
    assert await first.list_entries("present") == {"ada": b"1", "bob": b"2"}
    assert await second.acquire_lease("schedule:1", seconds=60) is None
    assert await lease.renew()
    assert [entry.content for entry in await second.read_stream("answer:1")] == [b"kept"]
    await first.publish("rooms:1", b"hello")
    await wait_until(lambda: messages == [b"hello"])


async def test_a_redis_that_hangs_delays_one_command(redis: RedisServer, nodes: list[RedisCluster]) -> None:
    first, second = nodes
    messages: list[bytes] = []
    second.subscribe("rooms:1", messages.append)
    redis.hang()
    begun = time.monotonic()
    for number in range(50):
        await first.publish("rooms:1", b"lost")
        assert await first.increment("count") == number + 1
        await first.put_entry("present", "ada", b"1")
    assert time.monotonic() - begun < 2.5
    redis.go_on()
    await wait_until(lambda: is_up(first) and is_up(second), seconds=10)
    assert await second.get_entry("present", "ada") == b"1"
    messages.clear()
    await first.publish("rooms:1", b"hello")
    await wait_until(lambda: b"hello" in messages)


async def test_a_redis_that_hangs_is_noticed_without_a_command(redis: RedisServer, nodes: list[RedisCluster]) -> None:
    redis.hang()
    await wait_until(lambda: not any(map(is_up, nodes)), seconds=10)
    redis.go_on()
    await wait_until(lambda: all(map(is_up, nodes)), seconds=10)


async def test_a_process_starts_without_redis(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    redis.stop()
    node = RedisCluster(Redis(redis.url, options=OPTIONS))
    await node.start()
    try:
        messages: list[bytes] = []
        node.subscribe("rooms:1", messages.append)
        await node.publish("rooms:1", b"hello")
        assert messages == [b"hello"]
        assert await node.increment("count") == 1
        await asyncio.sleep(0.5)
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1, "it is logged once, not with every attempt"
        redis.start()
        await wait_until(lambda: is_up(node), seconds=10)
    finally:
        await node.close()


async def test_a_lost_connection_of_one_process_is_a_gap_for_all(redis: RedisServer, nodes: list[RedisCluster]) -> None:
    first, second = nodes
    gaps: list[str] = []
    await asyncio.sleep(0.3)
    second.subscribe_to_gaps(lambda: gaps.append("second"))
    first._redis.on_loss(TimeoutError())  # what a command does that gets no answer
    await wait_until(lambda: bool(gaps))
    assert is_up(first)


async def test_kept_messages_arrive_after_an_outage(redis: RedisServer, nodes: list[RedisCluster]) -> None:
    """They arrive once and in order, and after the other process has subscribed again."""
    first, second = nodes
    messages: list[bytes] = []
    second.subscribe("rooms:1", messages.append)
    await first.publish("rooms:1", b"0", is_kept=True)
    await wait_until(lambda: messages == [b"0"])
    redis.stop()
    await wait_until(lambda: not is_up(first) and not is_up(second))
    for number in range(1, 100):
        await first.publish("rooms:1", str(number).encode(), is_kept=True)
        await first.publish("rooms:1", b"lost")
    await asyncio.sleep(1)
    redis.start()
    await wait_until(lambda: is_up(first), seconds=10)
    await first.publish("rooms:1", b"100", is_kept=True)
    await wait_until(lambda: len(messages) >= 101, seconds=10)
    await asyncio.sleep(0.3)
    assert messages == [str(number).encode() for number in range(101)]


async def test_a_lost_cancellation_does_not_keep_a_process_alone(
    nodes: list[RedisCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py loses a cancellation now and then: the task that sends messages goes on as if nothing had been."""
    first, second = nodes
    messages: list[bytes] = []
    second.subscribe("rooms:1", messages.append)
    is_sending = asyncio.Event()
    publish = redis_link.publish_all

    async def lose_cancellation(*_: Any, **__: Any) -> None:
        is_sending.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    monkeypatch.setattr(redis_link, "publish_all", lose_cancellation)
    await first.publish("rooms:1", b"lost")
    await is_sending.wait()
    monkeypatch.setattr(redis_link, "publish_all", publish)
    first._redis.on_loss(TimeoutError())  # what a command does that gets no answer
    await wait_until(lambda: is_up(first), seconds=3)
    await first.publish("rooms:1", b"hello")
    await wait_until(lambda: b"hello" in messages)


async def test_messages_that_wait_are_counted(redis: RedisServer, nodes: list[RedisCluster]) -> None:
    """In the process that sends them while Redis is away, and in the one whose listener has not finished."""
    first, second = nodes
    may_go_on = asyncio.Event()
    messages: list[bytes] = []

    async def listen(message: bytes) -> None:
        messages.append(message)
        await may_go_on.wait()

    second.subscribe("rooms:1", listen)
    assert await second.acquire_lease("wait", seconds=1) is not None  # the subscription is active afterwards
    await wait_until(lambda: second.measure_waiting() == {"out": 0, "in": 0})
    redis.stop()
    await wait_until(lambda: not is_up(first) and not is_up(second))
    for _ in range(4):
        await first.publish("rooms:1", b"kept", is_kept=True)
    assert first.measure_waiting() == {"out": 4, "in": 0}
    redis.start()
    await wait_until(lambda: first.measure_waiting()["out"] == 0, seconds=10)
    await wait_until(lambda: second.measure_waiting()["in"] == 3, seconds=10)
    may_go_on.set()
    await wait_until(lambda: len(messages) == 4)
    assert second.measure_waiting() == {"out": 0, "in": 0}


async def test_kept_messages_of_a_start_without_redis_arrive(redis: RedisServer) -> None:
    redis.stop()
    prefix = uuid.uuid4().hex
    first, second = (RedisCluster(Redis(redis.url, prefix=prefix, options=OPTIONS)) for _ in range(2))
    await asyncio.gather(first.start(), second.start())
    try:
        messages: list[bytes] = []
        second.subscribe("rooms:1", messages.append)
        await first.publish("rooms:1", b"kept", is_kept=True)
        redis.start()
        await wait_until(lambda: messages == [b"kept"], seconds=10)
    finally:
        await first.close()
        await second.close()


def test_a_backlog_drops_the_oldest_messages() -> None:
    backlog = Backlog()
    for number in range(20):
        backlog.add(Order("publish", "rooms:1", bytes([number]) * 1024 * 1024, is_kept=True))
    kept = backlog.take_all()
    assert [order.message[0] for order in kept] == list(range(12, 20)) and len(backlog) == 0
    backlog.add(kept[-1])
    backlog.add_earlier([Order("subscribe", "rooms:2"), kept[0], Order("publish", "rooms:1", b"lost")])
    assert backlog.take_all() == [kept[0], kept[-1]]
