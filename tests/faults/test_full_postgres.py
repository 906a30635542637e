"""The disk of PostgreSQL is full while two nodes serve: changes are refused clearly, and all is well afterwards."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from conftest import REDIS
from faults.node_load import END_SECONDS, FULL, NodeLoad, WatchedPerson, run_load
from faults.node_processes import run_nodes
from faults.postgres_instance import PostgresInstance, find_programs, run_postgres
from small_disk import SmallDisk, mount_disk
from waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not REDIS, reason="no Redis is named"),
    pytest.mark.skipif(find_programs() is None, reason="PostgreSQL's programs are not installed"),
    pytest.mark.timeout(300),
]

#: Seconds after which nodes write to a database again that has space: a probe, a new connection, and some work.
RETURN_SECONDS = 30


class FullPostgres:
    """Two nodes under load, and their PostgreSQL on a small disk."""

    def __init__(self, load: NodeLoad, postgres: PostgresInstance, disk: SmallDisk) -> None:
        self.load = load
        self.postgres = postgres
        self.disk = disk

    async def free(self) -> None:
        """Free the disk, and start PostgreSQL where it has ended meanwhile, as it does without space for its log."""
        self.disk.free()
        if not self.postgres.is_running():
            await self.postgres.start()


@asynccontextmanager
async def run_small_postgres(tmp_path: Path, env: dict[str, str]) -> AsyncIterator[FullPostgres]:
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(mount_disk(160))
        postgres = await stack.enter_async_context(run_postgres(disk=disk.path))
        nodes = await stack.enter_async_context(run_nodes(tmp_path, env, database_url=postgres.url))
        load = await stack.enter_async_context(run_load(nodes, pause=0.02))
        yield FullPostgres(load, postgres, disk)


async def is_writable(person: WatchedPerson) -> bool:
    """Return whether a node is ready, and stores what needs more space."""
    note = {"title": f"large {time.monotonic_ns()}", "data": {"content": {"md": os.urandom(150_000).hex()}}}
    return (await person.get("/ready")).status == 200 and (
        await person.post("/api/v1/notes/create", note)
    ).status == 200


@pytest.mark.parametrize(
    ("seconds", "needs_log"),
    [
        (4, False),
        pytest.param(25, False, marks=pytest.mark.faults),
        pytest.param(8, True, marks=pytest.mark.faults),
    ],
)
async def test_the_disk_of_postgres_is_full(
    tmp_path: Path, env: dict[str, str], seconds: float, needs_log: bool
) -> None:
    """With `needs_log` there is no space for the write-ahead log: PostgreSQL ends, and is started again by hand."""
    async with run_small_postgres(tmp_path, env) as around:
        load = around.load
        await asyncio.sleep(2)
        chats = (await load.people[0].get("/api/v1/chats/", page=1)).ok()
        for person in load.people:
            person.may_be_full = True
        around.disk.fill()
        if needs_log:
            with suppress(AssertionError):
                while True:
                    await around.postgres.switch_log()
                    await asyncio.sleep(0.1)
        for person in load.people:
            await wait_until(lambda person=person: _is_refused(person), 10)
        if needs_log:
            await wait_until(lambda: not around.postgres.is_running(), 20)
            for person in load.people:
                (await person.get("/ready")).refused(503, "Database not ready")
        else:
            for person in load.people:
                (await person.get("/ready")).refused(503, "Database not ready")
                (await person.get(f"/api/v1/chats/{chats[0]['id']}")).ok()
                assert (await person.get("/api/v1/chats/", page=1)).status == 200
        await asyncio.sleep(seconds)
        # Pages hear the ends of their answers while the disk is full.
        records = [record for page, record in load.records]
        await wait_until(lambda: all(record.has_ended for record in records), END_SECONDS)

        await around.free()
        for person in load.people:
            await wait_until(lambda person=person: is_writable(person), RETURN_SECONDS)
            person.may_be_full = False
        counts = [len(writer.acknowledged) for writer in load.writers]
        record_count = len(load.records)
        await wait_until(lambda: _has_gone_on(load, counts, record_count), RETURN_SECONDS)
        await load.end()
        await load.require_consistency(load.people[1])
        assert [record.error for _, record in load.records if record.error] == []


async def _is_refused(person: WatchedPerson) -> bool:
    """Return whether a change that needs space is refused: as the disk is full, or as PostgreSQL has ended for it."""
    note = {"title": f"large {time.monotonic_ns()}", "data": {"content": {"md": os.urandom(300_000).hex()}}}
    reply = await person.post("/api/v1/notes/create", note)
    if reply.status == 503:
        return int(reply.headers["retry-after"]) > 0
    return reply.status == 507 and reply.json == {"detail": FULL}


def _has_gone_on(load: NodeLoad, counts: list[int], record_count: int) -> bool:
    written = all(len(writer.acknowledged) > count + 10 for writer, count in zip(load.writers, counts, strict=True))
    return written and len(load.records) > max(record_count + 2, 12)
