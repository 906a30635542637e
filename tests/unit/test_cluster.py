"""What processes share, in one process: messages, leases, counters, entries, streams."""

from __future__ import annotations

import pytest

from fastback.kit.cluster import LocalCluster


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster(clock: Clock) -> LocalCluster:
    return LocalCluster(clock)


async def test_a_message_reaches_every_listener_until_it_unsubscribes(cluster: LocalCluster) -> None:
    messages: list[bytes] = []

    async def listen(message: bytes) -> None:
        messages.append(b"first " + message)

    unsubscribe = cluster.subscribe("rooms:1", listen)
    cluster.subscribe("rooms:1", lambda message: messages.append(b"second " + message))
    await cluster.publish("rooms:1", b"hello")
    await cluster.publish("rooms:2", b"elsewhere")
    unsubscribe()
    await cluster.publish("rooms:1", b"again")
    assert messages == [b"first hello", b"second hello", b"second again"]


async def test_a_listener_that_fails_does_not_stop_the_others(cluster: LocalCluster) -> None:
    messages: list[bytes] = []

    def fail(message: bytes) -> None:
        raise ValueError(message)

    cluster.subscribe("rooms:1", fail)
    cluster.subscribe("rooms:1", messages.append)
    await cluster.publish("rooms:1", b"hello")
    assert messages == [b"hello"]


async def test_a_lease_has_one_holder_and_a_growing_token(cluster: LocalCluster, clock: Clock) -> None:
    first = await cluster.acquire_lease("schedule:1", seconds=10)
    assert first is not None
    assert await cluster.acquire_lease("schedule:1", seconds=10) is None
    clock.now = 9
    assert await first.renew()
    clock.now = 18
    assert await cluster.acquire_lease("schedule:1", seconds=10) is None
    clock.now = 20
    second = await cluster.acquire_lease("schedule:1", seconds=10)
    assert second is not None and second.token > first.token
    assert not await first.renew()
    await first.release()
    assert await cluster.acquire_lease("schedule:1", seconds=10) is None
    await second.release()
    assert await cluster.acquire_lease("schedule:1", seconds=10) is not None


async def test_counters_begin_at_zero_and_expire(cluster: LocalCluster, clock: Clock) -> None:
    assert await cluster.increment("sockets:ada", expires_in=60) == 1
    assert await cluster.increment("sockets:ada", 2, expires_in=60) == 3
    assert await cluster.increment("sockets:ada", -1, expires_in=60) == 2
    clock.now = 61
    assert await cluster.read_counter("sockets:ada") == 0


async def test_entries_of_a_table_are_listed_until_they_expire(cluster: LocalCluster, clock: Clock) -> None:
    await cluster.put_entry("typing:1", "ada", b"{}", expires_in=5)
    await cluster.put_entry("typing:1", "bob", b"[]")
    assert await cluster.list_entries("typing:1") == {"ada": b"{}", "bob": b"[]"}
    clock.now = 6
    assert await cluster.list_entries("typing:1") == {"bob": b"[]"}
    assert await cluster.get_entry("typing:1", "ada") is None
    assert await cluster.delete_entry("typing:1", "bob")
    assert not await cluster.delete_entry("typing:1", "bob")
    assert await cluster.list_entries("typing:1") == {}


async def test_a_reader_of_a_stream_gets_what_it_missed(cluster: LocalCluster, clock: Clock) -> None:
    first = await cluster.append("answer:1", b"one", expires_in=60, limit=2)
    await cluster.append("answer:1", b"two", expires_in=60, limit=2)
    assert [entry.content for entry in await cluster.read_stream("answer:1", after=first)] == [b"two"]
    await cluster.append("answer:1", b"three", expires_in=60, limit=2)
    assert [entry.content for entry in await cluster.read_stream("answer:1")] == [b"two", b"three"]
    clock.now = 61
    assert await cluster.read_stream("answer:1") == []


async def test_thousands_of_expired_values_are_dropped(cluster: LocalCluster, clock: Clock) -> None:
    for number in range(1500):
        await cluster.increment(f"limit:{number}", expires_in=1)
        clock.now += 1
    assert len(cluster._counters._values) < 1000
