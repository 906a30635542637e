"""What processes share: messages, leases, counters, entries, streams. The same in one process, and over Redis."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from conftest import REDIS
from fastback.kit.cluster import Cluster, LocalCluster, hold_lease
from fastback.kit.cluster.redis_cluster import RedisCluster
from fastback.kit.redis import Redis
from redis_server import MISSING, delete_keys
from redis_topologies import SENTINEL_HOSTS, SentinelGroup, ShardedCluster, run_sentinel_group, run_sharded_cluster
from waiting import wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Form:
    """One form of the cluster: two processes of an installation, which are one where there is no other."""

    def __init__(self, cluster: Cluster, other: Cluster, *, unit: float, clock: Clock | None = None) -> None:
        self.cluster = cluster
        self.other = other
        #: The length of a second.
        self.unit = unit
        self._clock = clock

    async def wait(self, seconds: float) -> None:
        if self._clock is None:
            await asyncio.sleep(seconds * self.unit)
        else:
            self._clock.now += seconds


def create_cluster(url: str, prefix: str, **options: object) -> RedisCluster:
    timeouts = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0}
    return RedisCluster(Redis(url, prefix=prefix, options=timeouts, **options))  # type: ignore[arg-type]


async def settle(form: Form) -> None:
    """Wait until the subscriptions of both processes are active."""
    for node in (form.cluster, form.other):
        if isinstance(node, RedisCluster):
            await wait_until(lambda node=node: node._link.is_idle)


async def run_form(url: str, **options: object) -> AsyncIterator[Form]:
    prefix = f"test-{uuid.uuid4().hex}"
    cluster, other = (create_cluster(url, prefix, **options) for _ in range(2))
    await cluster.start()
    await other.start()
    yield Form(cluster, other, unit=0.05)
    await cluster.close()
    await other.close()
    if url == REDIS:
        await delete_keys(url, prefix)


@pytest.fixture(scope="module")
def sharded_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShardedCluster]:
    if MISSING:
        pytest.skip(MISSING)
    with run_sharded_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sentinel_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    if MISSING:
        pytest.skip(MISSING)
    with run_sentinel_group(tmp_path_factory.mktemp("sentinels")) as group:
        yield group


@pytest.fixture(params=["local", "redis", "redis cluster", "sentinel"])
async def form(request: pytest.FixtureRequest) -> AsyncIterator[Form]:
    if request.param == "local":
        clock = Clock()
        cluster = LocalCluster(clock)
        yield Form(cluster, cluster, unit=1, clock=clock)
    elif request.param == "redis":
        if not REDIS:
            pytest.skip("FASTBACK_TEST_REDIS names no server")
        async for form in run_form(REDIS):
            yield form
    elif request.param == "redis cluster":
        cluster = request.getfixturevalue("sharded_cluster")
        async for form in run_form(cluster.url, cluster=True):
            yield form
    else:
        group = request.getfixturevalue("sentinel_group")
        sentinels = [(host, group.port) for host in SENTINEL_HOSTS]
        async for form in run_form(group.url, sentinels=sentinels):
            yield form


async def test_a_message_reaches_every_listener_until_it_unsubscribes(form: Form) -> None:
    messages: list[bytes] = []
    remote_messages: list[bytes] = []

    async def listen(message: bytes) -> None:
        messages.append(b"first " + message)

    unsubscribe = form.cluster.subscribe("rooms:1", listen)
    form.cluster.subscribe("rooms:1", lambda message: messages.append(b"second " + message))
    form.other.subscribe("rooms:1", remote_messages.append)
    await settle(form)
    await form.other.publish("rooms:1", b"ready")
    await wait_until(lambda: messages == [b"first ready", b"second ready"])
    await form.cluster.publish("rooms:1", b"hello")
    await form.cluster.publish("rooms:2", b"elsewhere")
    unsubscribe()
    await form.cluster.publish("rooms:1", b"again")
    assert messages[2:] == [b"first hello", b"second hello", b"second again"]
    await wait_until(lambda: remote_messages == [b"ready", b"hello", b"again"])


async def test_messages_arrive_in_order(form: Form) -> None:
    messages: list[bytes] = []

    async def listen(message: bytes) -> None:
        await asyncio.sleep(0)
        messages.append(message)

    form.other.subscribe("rooms:1", listen)
    await settle(form)
    for number in range(300):
        await form.cluster.publish("rooms:1", b"%d" % number)
    await wait_until(lambda: len(messages) == 300)
    assert messages == [b"%d" % number for number in range(300)]


async def test_a_reply_reaches_who_subscribed_before_asking(form: Form) -> None:
    form.other.subscribe("questions", lambda message: form.other.publish(message.decode(), b"yes"))
    await settle(form)
    for number in range(5):
        replies: list[bytes] = []
        form.cluster.subscribe(f"replies:{number}", replies.append)
        await form.cluster.publish("questions", b"replies:%d" % number)
        await wait_until(lambda replies=replies: replies == [b"yes"])


async def test_a_listener_that_waits_for_another_message_gets_it(form: Form) -> None:
    arrived = asyncio.Event()
    has_waited = asyncio.Event()

    async def listen(message: bytes) -> None:
        await arrived.wait()
        has_waited.set()

    form.cluster.subscribe("rooms:1", listen)
    form.cluster.subscribe("rooms:2", lambda message: arrived.set())
    await settle(form)
    waiting = asyncio.create_task(form.other.publish("rooms:1", b"wait"))
    await form.other.publish("rooms:2", b"go on")
    await asyncio.wait_for(has_waited.wait(), 5)
    await waiting


async def test_a_listener_that_fails_does_not_stop_the_others(form: Form) -> None:
    messages: list[bytes] = []

    def fail(message: bytes) -> None:
        raise ValueError(message)

    form.cluster.subscribe("rooms:1", fail)
    form.cluster.subscribe("rooms:1", messages.append)
    await form.cluster.publish("rooms:1", b"hello")
    assert messages == [b"hello"]


async def test_a_lease_has_one_holder_and_a_growing_token(form: Form) -> None:
    first = await form.cluster.acquire_lease("schedule:1", seconds=10 * form.unit)
    assert first is not None
    assert await form.cluster.acquire_lease("schedule:1", seconds=10) is None
    assert await form.other.acquire_lease("schedule:1", seconds=10) is None
    await form.wait(7)
    assert await first.renew()
    await form.wait(7)
    assert await form.other.acquire_lease("schedule:1", seconds=10) is None
    await form.wait(6)
    second = await form.other.acquire_lease("schedule:1", seconds=10)
    assert second is not None and second.token > first.token
    assert not await first.renew()
    await first.release()
    assert await form.cluster.acquire_lease("schedule:1", seconds=10) is None
    await second.release()
    third = await form.cluster.acquire_lease("schedule:1", seconds=10)
    assert third is not None and third.token > second.token


async def test_a_lease_lasts_as_long_as_the_work(form: Form) -> None:
    async with hold_lease(form.cluster, "work:1", seconds=30) as lease:
        assert lease is not None
        async with hold_lease(form.other, "work:1", seconds=30) as other:
            assert other is None
    assert await form.other.acquire_lease("work:1", seconds=30) is not None


async def test_counters_begin_at_zero_and_expire(form: Form) -> None:
    expires_in = 20 * form.unit
    assert await form.cluster.increment("sockets:ada", expires_in=expires_in) == 1
    assert await form.other.increment("sockets:ada", 2, expires_in=expires_in) == 3
    assert await form.cluster.increment("sockets:ada", -1, expires_in=expires_in) == 2
    assert await form.other.read_counter("sockets:ada") == 2
    await form.wait(21)
    assert await form.cluster.read_counter("sockets:ada") == 0
    assert await form.other.read_counter("sockets:bob") == 0


async def test_entries_of_a_table_are_listed_until_they_expire(form: Form) -> None:
    await form.cluster.put_entry("typing:1", "ada", b"{}", expires_in=5 * form.unit)
    await form.cluster.put_entry("typing:1", "bob", b"[]")
    assert await form.other.list_entries("typing:1") == {"ada": b"{}", "bob": b"[]"}
    assert await form.other.get_entry("typing:1", "ada") == b"{}"
    await form.wait(6)
    assert await form.other.list_entries("typing:1") == {"bob": b"[]"}
    assert await form.cluster.get_entry("typing:1", "ada") is None
    assert not await form.cluster.delete_entry("typing:1", "ada")
    assert await form.cluster.delete_entry("typing:1", "bob")
    assert not await form.cluster.delete_entry("typing:1", "bob")
    assert await form.other.list_entries("typing:1") == {}


async def test_an_entry_lives_as_long_as_it_was_put_for_last(form: Form) -> None:
    await form.cluster.put_entry("typing:1", "ada", b"1", expires_in=5 * form.unit)
    await form.cluster.put_entry("typing:1", "ada", b"2")
    await form.cluster.put_entry("typing:1", "bob", b"3")
    await form.cluster.put_entry("typing:1", "bob", b"4", expires_in=5 * form.unit)
    await form.wait(6)
    assert await form.other.list_entries("typing:1") == {"ada": b"2"}


async def test_a_reader_of_a_stream_gets_what_it_missed(form: Form) -> None:
    expires_in = 20 * form.unit
    first = await form.cluster.append("answer:1", b"one", expires_in=expires_in, limit=2)
    second = await form.other.append("answer:1", b"two", expires_in=expires_in, limit=2)
    assert second > first
    assert [entry.content for entry in await form.other.read_stream("answer:1", after=first)] == [b"two"]
    await form.cluster.append("answer:1", b"three", expires_in=expires_in, limit=2)
    assert [entry.content for entry in await form.other.read_stream("answer:1")] == [b"two", b"three"]
    await form.wait(21)
    assert await form.cluster.read_stream("answer:1") == []
    assert await form.cluster.append("answer:1", b"four", expires_in=expires_in) > second


async def test_thousands_of_expired_values_are_dropped() -> None:
    clock = Clock()
    cluster = LocalCluster(clock)
    for number in range(1500):
        await cluster.increment(f"limit:{number}", expires_in=1)
        clock.now += 1
    assert len(cluster._counters._values) < 1000
