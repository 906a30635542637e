"""The master of Redis dies, and a replica takes its place: processes come together on the new one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fastback.kit.cluster.redis_cluster import RedisCluster
from fastback.kit.redis import Redis
from redis_server import MISSING
from redis_topologies import (
    SENTINEL_HOSTS,
    SentinelGroup,
    ShardedCluster,
    run_sentinel_group,
    run_sharded_cluster,
)
from waiting import wait_until

pytestmark = [pytest.mark.skipif(bool(MISSING), reason=MISSING), pytest.mark.timeout(120)]

OPTIONS = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0}
#: Seconds from the death of a master until every process works with the new one.
FAILOVER_SECONDS = 20


@pytest.fixture
def group(tmp_path: Path) -> Iterator[SentinelGroup]:
    with run_sentinel_group(tmp_path) as group:
        yield group


@pytest.fixture
def sharded(tmp_path: Path) -> Iterator[ShardedCluster]:
    with run_sharded_cluster(tmp_path, replicas=1) as cluster:
        yield cluster


@asynccontextmanager
async def run_processes(url: str, **options: object) -> AsyncIterator[list[RedisCluster]]:
    prefix = uuid.uuid4().hex
    nodes = [RedisCluster(Redis(url, prefix=prefix, options=OPTIONS, **options)) for _ in range(2)]  # type: ignore[arg-type]
    for node in nodes:
        await node.start()
    try:
        yield nodes
    finally:
        for node in nodes:
            await node.close()


def watch_sentinels(group: SentinelGroup, *, first: int = 0) -> dict[str, object]:
    """Return the arguments of a process that asks these sentinels, beginning with the first of them."""
    hosts = [*SENTINEL_HOSTS[first:], *SENTINEL_HOSTS[:first]]
    return {"url": f"redis://{group.service}/0", "sentinels": [(host, group.port) for host in hosts]}


def is_up(node: RedisCluster) -> bool:
    return node._redis.is_up


class Traffic:
    """Numbered messages of one process on two channels, received by another, in bursts, as answers are sent.

    Both change counters between bursts, which all masters of a cluster share.
    """

    def __init__(self, sender: RedisCluster, receiver: RedisCluster) -> None:
        self._sender = sender
        self._receiver = receiver
        self.channels: list[list[int]] = [[], []]
        self._last = 0
        for channel, numbers in enumerate(self.channels):
            receiver.subscribe(f"rooms:{channel}", lambda message, numbers=numbers: numbers.append(int(message)))

    @property
    def count(self) -> int:
        return sum(map(len, self.channels))

    async def run(self) -> None:
        while True:
            for _ in range(5):
                self._last += 1
                await self._sender.publish(f"rooms:{self._last % 2}", b"%d" % self._last)
                for node in (self._sender, self._receiver):
                    await node.increment(f"traffic:{self._last % 20}")
            await asyncio.sleep(0.01)


async def wait_for_failover(nodes: list[RedisCluster], traffic: Traffic, killed_at: float) -> float:
    """Wait until messages pass again, and return the seconds since the master died."""
    await wait_until(lambda: not all(map(is_up, nodes)), FAILOVER_SECONDS)
    await wait_until(lambda: all(map(is_up, nodes)), FAILOVER_SECONDS)
    count = traffic.count
    await wait_until(lambda: traffic.count > count + 20, FAILOVER_SECONDS)
    return time.monotonic() - killed_at


async def test_processes_go_on_with_the_replica_that_sentinels_choose(group: SentinelGroup) -> None:
    async with run_processes(**watch_sentinels(group)) as nodes:
        await check_failover(nodes, group.servers[0].stop)
        assert group.has_failed_over()


async def test_a_machine_is_lost_with_the_master_and_a_sentinel(group: SentinelGroup) -> None:
    async with run_processes(**watch_sentinels(group)) as nodes:

        def lose_machine() -> None:
            group.sentinels[0].hang()
            group.servers[0].hang()

        await check_failover(nodes, lose_machine)
        # The machine returns: its master takes writes until sentinels make it a replica, which loses them.
        group.servers[0].go_on()
        group.sentinels[0].go_on()
        await wait_until(lambda: "role:slave" in group.servers[0].run_command("INFO", "replication"), FAILOVER_SECONDS)
        await asyncio.sleep(1)
        assert await nodes[0].increment("count") == 2
        assert await nodes[1].increment("count") == 3


@pytest.mark.parametrize(
    ("number", "fault"),
    [pytest.param(0, "stop", marks=pytest.mark.faults), (1, "hang"), pytest.param(2, "stop", marks=pytest.mark.faults)],
)
async def test_processes_go_on_when_a_master_of_a_cluster_dies(
    sharded: ShardedCluster, number: int, fault: str
) -> None:
    async with run_processes(sharded.url, cluster=True) as nodes:
        await check_failover(nodes, getattr(sharded.list_masters()[number], fault))


async def test_a_lease_that_the_replica_has_missed_has_one_holder(group: SentinelGroup) -> None:
    master, replica = group.servers
    async with run_processes(**watch_sentinels(group)) as nodes:
        first, second = nodes
        # The clock of the master is ahead.
        ahead = 3_600_000_000
        name = first._commands.build_key("lease", "schedule:1")
        replica.hang()
        master.run_command("SET", f"{name}:token", str(time.time_ns() // 1000 + ahead))
        lease = await first.acquire_lease("schedule:1", seconds=60)
        master.stop()
        replica.go_on()
        assert lease is not None
        await wait_until(lambda: not any(map(is_up, nodes)), FAILOVER_SECONDS)
        await wait_until(lambda: all(map(is_up, nodes)), FAILOVER_SECONDS)
        assert await second.acquire_lease("schedule:1", seconds=60) is None
        assert await lease.renew()
        await lease.release()
        later = await second.acquire_lease("schedule:1", seconds=60)
        assert later is not None and later.token > lease.token


async def check_failover(nodes: list[RedisCluster], kill: Callable[[], None]) -> None:
    """Kill a master amid traffic: messages keep their order, and entries and leases are those of before."""
    first, second = nodes
    gaps: list[int] = []
    second.subscribe_to_gaps(lambda: gaps.append(1))
    await first.put_entry("present", "ada", b"1")
    await second.put_entry("present", "bob", b"2")
    leases = [await first.acquire_lease(f"schedule:{number}", seconds=60) for number in range(10)]
    traffic = Traffic(first, second)
    sending = asyncio.create_task(traffic.run())
    await wait_until(lambda: traffic.count > 50)
    await asyncio.sleep(0.5)
    gaps.clear()

    kill()
    print(f"messages pass again after {await wait_for_failover(nodes, traffic, time.monotonic()):.1f} s")
    sending.cancel()
    await wait_until(lambda: gaps)
    for numbers in traffic.channels:
        assert numbers == sorted(set(numbers)), "messages have overtaken others"
    assert await second.list_entries("present") == await first.list_entries("present") == {"ada": b"1", "bob": b"2"}
    for number, lease in enumerate(leases):
        assert lease is not None and await lease.renew()
        assert await second.acquire_lease(f"schedule:{number}", seconds=60) is None
        await lease.release()
        later = await second.acquire_lease(f"schedule:{number}", seconds=60)
        assert later is not None and later.token > lease.token
    assert await first.increment("count") == 1
