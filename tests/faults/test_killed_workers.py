"""Workers of one port are killed while clients chat and write: nothing is lost, and their manager replaces them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from conftest import REDIS
from fastback.cli.workers import HEALTH_SECONDS
from faults.node_load import NodeLoad, run_load
from faults.node_processes import Installation
from faults.server_process import ServerProcess, list_workers
from prepared_database import POSTGRES, postgres_database
from waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named"),
    pytest.mark.timeout(300),
]

#: Seconds in which the manager replaces a worker; it looks twice a second, and a start takes two on a busy machine.
REPLACEMENT_SECONDS = 60


@asynccontextmanager
async def run_workers(tmp_path: Path, env: dict[str, str]) -> AsyncIterator[Installation]:
    """Run two workers on one port."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(postgres_database())
        shared = {"DATABASE_URL": address, "REDIS_URL": REDIS, "REDIS_KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"}
        (tmp_path / "data").mkdir()
        server = ServerProcess(tmp_path / "data", {**env, **shared, "UVICORN_WORKERS": "2"})
        workers = Installation([server])
        stack.push_async_callback(workers.close)
        await server.start()
        await wait_until(lambda: server.log.count("ready on") == 2, REPLACEMENT_SECONDS)
        yield workers


async def kill_oldest_worker(server: ServerProcess) -> float:
    """Kill the worker that most clients use, as a new one has none; return when, once another has replaced it."""
    count = server.log.count("ready on")
    victim = min(list_workers(server))
    os.kill(victim, signal.SIGKILL)
    killed_at = time.monotonic()
    await wait_until(lambda: server.log.count("ready on") > count, REPLACEMENT_SECONDS)
    workers = list_workers(server)
    assert len(workers) == 2 and victim not in workers
    return killed_at


async def require_all(load: NodeLoad, killed_at: list[float]) -> None:
    """Require that nothing is lost or there twice, that the kills have hit clients, and that answers lost little."""
    reader = load.people[0]
    await load.require_consistency(reader)
    assert load.lost_pages
    assert await load.require_small_losses(reader, killed_at) > 0


async def test_workers_are_killed_under_load(tmp_path: Path, env: dict[str, str]) -> None:
    async with run_workers(tmp_path, env) as workers, run_load(workers, clients=3, pause=0.05, reopens=True) as load:
        killed_at = []
        for _ in range(2):
            await asyncio.sleep(1.5)
            killed_at.append(await kill_oldest_worker(workers.servers[0]))
        await asyncio.sleep(1)
        await load.end()
        await require_all(load, killed_at)


async def test_a_worker_that_dies_as_its_manager_looks_at_it_is_replaced_at_once(
    tmp_path: Path, env: dict[str, str]
) -> None:
    async with run_workers(tmp_path, env) as workers:
        victim = min(list_workers(workers.servers[0]))
        os.kill(victim, signal.SIGSTOP)
        await asyncio.sleep(1.2)  # the manager waits for its reply now, as it does where a busy worker is killed
        began = time.monotonic()
        await kill_oldest_worker(workers.servers[0])
        assert time.monotonic() - began < HEALTH_SECONDS / 2


@pytest.mark.faults
async def test_workers_are_killed_again_and_again(tmp_path: Path, env: dict[str, str]) -> None:
    async with run_workers(tmp_path, env) as workers, run_load(workers, clients=8, pause=0.05, reopens=True) as load:
        killed_at = []
        for number in range(8):
            # Some are killed before the pages that have lost the one before have their first answers.
            await asyncio.sleep(0.5 if number % 3 == 2 else 3)
            killed_at.append(await kill_oldest_worker(workers.servers[0]))
        await asyncio.sleep(5)
        await load.end()
        await require_all(load, killed_at)
