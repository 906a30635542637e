"""The disk of one of two nodes is full: what needs it is refused there with 507, and everything else goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from conftest import REDIS
from faults.file_writer import FileWriter, run_file_writer, upload
from faults.node_load import END_SECONDS, FULL, NodeLoad, WatchedPerson, run_load
from faults.node_processes import Installation, run_nodes
from faults.server_process import ServerProcess
from prepared_database import POSTGRES
from small_disk import SmallDisk, mount_disk
from waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named"),
    pytest.mark.timeout(300),
]


class FullNode:
    """Two nodes under load, the second one with a small disk for all of its files, and clients that upload to each."""

    def __init__(
        self, nodes: Installation, load: NodeLoad, disk: SmallDisk, files: list[FileWriter], uploads: AsyncExitStack
    ) -> None:
        self.nodes = nodes
        self.load = load
        self.disk = disk
        self.files = files
        self._uploads = uploads

    @property
    def here(self) -> WatchedPerson:
        return self.load.people[0]

    @property
    def there(self) -> WatchedPerson:
        return self.load.people[1]

    async def end(self) -> None:
        """Stop the clients. Pages still hear what comes."""
        await self._uploads.aclose()
        await self.load.end()

    async def keep_full(self, seconds: float) -> None:
        """Keep the disk full, also where a file is deleted."""
        for _ in range(round(seconds / 0.2)):
            self.disk.fill()
            await asyncio.sleep(0.2)


@asynccontextmanager
async def run_small_node(tmp_path: Path, env: dict[str, str]) -> AsyncIterator[FullNode]:
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(mount_disk(24))
        (disk.path / "tmp").mkdir()
        # Its log and its temporary files, and the audit log, are on the disk, too.
        last_env = {"TMPDIR": str(disk.path / "tmp"), "AUDIT_LOG_LEVEL": "METADATA"}
        nodes = await stack.enter_async_context(
            run_nodes(tmp_path, env, last_env=last_env, last_home=disk.path / "node")
        )
        load = await stack.enter_async_context(run_load(nodes, pause=0.02))
        uploads = await stack.enter_async_context(AsyncExitStack())
        files = [await uploads.enter_async_context(run_file_writer(person)) for person in load.people]
        yield FullNode(nodes, load, disk, files, uploads)


async def require_refusals(person: WatchedPerson) -> None:
    """Require that requests that need the disk are refused clearly."""
    for process in (False, True):
        for size in (100_000, 3_000_000):
            (await upload(person, os.urandom(size // 2).hex(), process=process)).refused(507, FULL)
    form = aiohttp.FormData()
    form.add_field("file", os.urandom(100_000), filename="a.wav", content_type="audio/wav")
    (await person.post("/api/v1/audio/transcriptions", data=form)).refused(507, FULL)
    document = {"name": "large", "content": os.urandom(200_000).hex()}
    (await person.post("/api/v1/retrieval/process/text", document)).refused(507, FULL)
    # Its vectors are not stored, but the memory is: the database has it.
    memory = (await person.post("/api/v1/memories/add", {"content": os.urandom(200_000).hex()})).ok()["id"]
    assert memory in [row["id"] for row in (await person.get("/api/v1/memories/")).ok()]


def require_logs(server: ServerProcess) -> None:
    """Require that both logs go on, the audit log in whole lines but for where the disk was full."""
    lines = server.log.splitlines()
    assert "Traceback" not in server.log
    # Between two fillings of the disk some entries may have had space.
    assert 1 <= sum("entries are skipped" in line for line in lines) < 10
    assert any("entries were skipped" in line for line in lines)
    entries = (server.data_dir / "audit.log").read_text(encoding="utf-8").splitlines()
    assert len(entries) > 20 and sum(not entry.endswith("}") for entry in entries) < 10


async def is_ready(person: WatchedPerson) -> bool:
    return (await person.get("/ready")).status == 200


@pytest.mark.parametrize("seconds", [4, pytest.param(30, marks=pytest.mark.faults)])
async def test_the_disk_of_a_node_is_full(tmp_path: Path, env: dict[str, str], seconds: float) -> None:
    async with run_small_node(tmp_path, env) as around:
        load, here, there = around.load, around.here, around.there
        await asyncio.sleep(2)
        assert await is_ready(here) and await is_ready(there)
        there.may_be_full = True
        filling = asyncio.create_task(around.keep_full(seconds))
        await asyncio.sleep(0.3)
        counts = [len(writer.acknowledged) for writer in load.writers]
        file_count = len(around.files[0].texts)
        await require_refusals(there)
        (await there.get("/ready")).refused(503, "Storage not ready")
        (await there.get("/health/db")).ok()
        assert await is_ready(here)
        await filling
        # What needs only the database has gone on at both, and answers come to their ends while the disk is full.
        for writer, count in zip(load.writers, counts, strict=True):
            await wait_until(lambda writer=writer, count=count: len(writer.acknowledged) > count + 20, END_SECONDS)
        await wait_until(lambda: len(around.files[0].texts) > file_count + 3, END_SECONDS)
        records = [record for _, record in load.records]
        await wait_until(lambda: all(record.has_ended for record in records), END_SECONDS)
        (await there.get("/ready")).refused(503, "Storage not ready")

        around.disk.free()
        await wait_until(lambda: is_ready(there), 10)
        there.may_be_full = False
        (await upload(there, "again" * 1000)).ok()
        count = len(around.files[1].texts)
        await wait_until(lambda: len(around.files[1].texts) > count + 3 and len(load.records) > 12, END_SECONDS)
        await around.end()
        await load.require_consistency(here)
        assert [record.error for _, record in load.records if record.error] == []
        refused_paths = {path.split("?")[0] for path in there.refused_paths}
        assert refused_paths == {"/api/v1/files/", "/api/v1/audio/transcriptions", "/api/v1/retrieval/process/text"}
        assert here.refused_paths == set()
        for files in around.files:
            errors = await files.require_complete(END_SECONDS)
            assert set(errors.values()) <= {"This file was not processed: the disk of the server is full."}
            print(f"{len(files.texts)} uploads, {len(errors)} not processed")
        assert not list((around.disk.path / "tmp").iterdir()), "temporary files are left"
        require_logs(around.nodes.servers[1])
