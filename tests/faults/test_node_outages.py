"""Two nodes under load whose PostgreSQL or Redis restarts, and of which one is killed or stopped: nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from faults.node_load import NodeLoad, run_load
from faults.node_processes import Installation, run_nodes
from faults.postgres_instance import PostgresInstance, find_programs, run_postgres
from redis_server import MISSING, RedisServer, run_redis

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.skipif(find_programs() is None, reason="PostgreSQL's programs are not installed"),
    pytest.mark.timeout(240),
]

#: Seconds of load before a fault, and after it.
BEFORE_SECONDS, AFTER_SECONDS = 3, 5


class Surroundings:
    """Two nodes under load, and the servers that they use."""

    def __init__(self, nodes: Installation, load: NodeLoad, postgres: PostgresInstance, redis: RedisServer) -> None:
        self.nodes = nodes
        self.load = load
        self.postgres = postgres
        self.redis = redis


@asynccontextmanager
async def run_loaded_nodes(tmp_path: Path, model_url: str) -> AsyncIterator[Surroundings]:
    """Run two nodes with a PostgreSQL and a Redis of their own, and have clients work for a while."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(run_postgres())
        redis = stack.enter_context(run_redis(tmp_path))
        env = {"OPENAI_API_BASE_URLS": f"{model_url}/v1", "OPENAI_API_KEYS": "k"}
        nodes = await stack.enter_async_context(
            run_nodes(tmp_path, env, database_url=postgres.url, redis={"REDIS_URL": redis.url})
        )
        load = await stack.enter_async_context(run_load(nodes))
        await asyncio.sleep(BEFORE_SECONDS)
        yield Surroundings(nodes, load, postgres, redis)


async def settle(load: NodeLoad, seconds: float = AFTER_SECONDS) -> None:
    """Let the clients work for some time after a fault, and stop them."""
    await asyncio.sleep(seconds)
    await load.end()


async def test_both_restart(tmp_path: Path, model_url: str) -> None:
    async with run_loaded_nodes(tmp_path, model_url) as around:
        around.redis.stop()
        await around.postgres.stop("immediate")
        await around.postgres.start()
        around.redis.start()
        await settle(around.load)
        await around.load.require_consistency(around.load.people[1])


@pytest.mark.faults
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_postgres_that_restarts(tmp_path: Path, model_url: str, mode: str) -> None:
    async with run_loaded_nodes(tmp_path, model_url) as around:
        await around.postgres.stop(mode)
        await asyncio.sleep(1)
        await around.postgres.start()
        await settle(around.load)
        await around.load.require_consistency(around.load.people[1])


@pytest.mark.faults
@pytest.mark.parametrize("seconds", [0, 20])
async def test_a_redis_that_goes_and_comes_back(tmp_path: Path, model_url: str, seconds: float) -> None:
    async with run_loaded_nodes(tmp_path, model_url) as around:
        around.redis.stop()
        await asyncio.sleep(seconds)
        around.redis.start()
        await settle(around.load)
        await around.load.require_consistency(around.load.people[1])
        for server in around.nodes.servers:
            assert "Redis answers again" in server.log and "has died" not in server.log


@pytest.mark.faults
async def test_a_node_that_is_killed(tmp_path: Path, model_url: str) -> None:
    async with run_loaded_nodes(tmp_path, model_url) as around:
        await around.nodes.servers[0].kill()
        await settle(around.load)
        await around.load.require_consistency(around.load.people[1], dead=0)


@pytest.mark.faults
async def test_a_node_that_is_stopped(tmp_path: Path, model_url: str) -> None:
    async with run_loaded_nodes(tmp_path, model_url) as around:
        code, _ = await around.nodes.servers[0].stop()
        assert code == 0
        await settle(around.load)
        await around.load.require_consistency(around.load.people[1], dead=0)
