"""Two processes and a page, while the master of their Redis dies and another takes its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import PASSWORD, Person
from fastback.demo.process import run_demo_server
from faults.node_processes import Installation, run_nodes
from faults.recorded_clients import open_recorder, read_answer
from prepared_database import POSTGRES
from redis_server import MISSING, RedisServer
from redis_topologies import SentinelGroup, ShardedCluster, run_sentinel_group, run_sharded_cluster
from waiting import wait_until

pytestmark = [
    pytest.mark.skipif(bool(MISSING) or not POSTGRES, reason=MISSING or "no PostgreSQL is named"),
    pytest.mark.timeout(180),
    pytest.mark.faults,
]

#: Seconds from the death of a master until an answer of one process reaches a page of the other again.
FAILOVER_SECONDS = 20


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    """Return the variables of a model server that sends twenty tokens a second."""
    with run_demo_server(rate=20) as url:
        yield {"OPENAI_API_BASE_URLS": f"{url}/v1", "OPENAI_API_KEYS": "k"}


@pytest.fixture(params=["sentinels", "cluster"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SentinelGroup | ShardedCluster]:
    if request.param == "sentinels":
        with run_sentinel_group(tmp_path) as group:
            yield group
    else:
        with run_sharded_cluster(tmp_path, replicas=1) as cluster:
            yield cluster


async def test_pages_are_served_on_by_the_next_master(
    redis: SentinelGroup | ShardedCluster, env: dict[str, str], tmp_path: Path
) -> None:
    async with run_nodes(tmp_path, env, redis=redis.env) as nodes:
        here, there = await nodes.sign_up()
        bob = await add_user(here)
        async with open_recorder(there) as page, open_recorder(here) as own_page:
            remote = await page.ask("Count [[tokens 120]]", through=here)
            local = await own_page.ask("Count [[tokens 120]]")
            await wait_until(lambda: len(remote.pieces) > 5 and len(local.pieces) > 5)
            await end_session(nodes, bob)

            killed_at = time.monotonic()
            redis.servers[0].stop()
            await wait_until(lambda: local.has_ended, 30)
            expected = " ".join(f"word{number}" for number in range(120))
            assert local.text.strip() == expected, "a process needs no Redis for its own pages"
            assert (await read_answer(there, remote))["content"] == expected
            await wait_until(lambda: remote.has_ended, FAILOVER_SECONDS)

            async def receive_answer() -> bool:
                record = await page.ask("Count [[tokens 10]]", through=here)
                await asyncio.sleep(1)
                return record.has_ended and record.text.strip() == " ".join(f"word{number}" for number in range(10))

            await wait_until(redis.has_failed_over, FAILOVER_SECONDS)
            await wait_until(receive_answer, FAILOVER_SECONDS)
            print(f"answers reach the other process again after {time.monotonic() - killed_at:.1f} s")
        assert (await there.get("/ready")).status == 200
        assert (await nodes.connect(nodes.servers[1], bob).get("/api/v1/auths/")).status == 401
        assert not any("Traceback" in server.log for server in nodes.servers)
        prefix = nodes.servers[0].get_variable("REDIS_KEY_PREFIX")
    keys = [key for server in redis.servers if server.is_running for key in list_keys(server)]
    assert keys and not [key for key in keys if not key.startswith(f"{prefix}:")]


async def add_user(admin: Person) -> Person:
    form = {"name": "Bob", "email": "bob@example.com", "password": PASSWORD, "role": "user"}
    account = (await admin.post("/api/v1/auths/add", form)).ok()
    return Person(admin.url, account["token"], account)


async def end_session(nodes: Installation, user: Person) -> None:
    """Sign a user out, which all processes learn from Redis."""
    client = nodes.connect(nodes.servers[0], user)
    (await client.post("/api/v1/auths/signout")).ok()


def list_keys(server: RedisServer) -> list[str]:
    return server.run_command("KEYS", "*").split()
