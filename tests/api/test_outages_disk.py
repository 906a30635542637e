"""The disk fills up, and has space again: changes are refused with 507, readings go on, nothing is half there."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import aiohttp
import apsw
import pytest

from conftest import Person, Reply, Server, run_server
from fastback.kit.db import Database, StorageFull
from postgres_server import IS_AVAILABLE, run_postgres
from small_disk import SmallDisk, mount_disk

FULL = "The disk of the server is full: nothing was saved. Please contact your administrator."


@pytest.fixture
def disk(database: str) -> Iterator[SmallDisk]:
    if database == "postgres" and not IS_AVAILABLE:
        pytest.skip("no PostgreSQL to start, or not root")
    with mount_disk(24 if database == "sqlite" else 160) as mounted:
        yield mounted


@pytest.fixture
async def server(database: str, disk: SmallDisk, upstream: str) -> AsyncIterator[Server]:
    """Run a server whose database and files are on the small disk."""
    with ExitStack() as stack:
        env = {"OPENAI_API_BASE_URLS": f"{upstream}/v1", "OPENAI_API_KEYS": "k", "ENABLE_OLLAMA_API": "false"}
        if database == "postgres":
            env["DATABASE_URL"] = stack.enter_context(run_postgres(disk.path)).url
        async with run_server(env, disk.path / "data", database) as running:
            yield running


def _make_form(size: int) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", os.urandom(size).hex().encode(), filename="a.txt", content_type="text/plain")
    return form


async def _send_changes(person: Person) -> dict[str, Reply]:
    """Send a change of each kind, too large for the free space in pages that are in use already."""
    text = os.urandom(300_000).hex()
    chat = {"title": "large", "history": {"messages": {}, "currentId": None}, "notes": text}
    return {
        "chat": await person.post("/api/v1/chats/new", {"chat": chat}),
        "note": await person.post("/api/v1/notes/create", {"title": "large", "data": {"content": {"md": text}}}),
        "prompt": await person.post(
            "/api/v1/prompts/create", {"command": f"c{time.monotonic_ns()}", "name": "large", "content": text}
        ),
        "folder": await person.post("/api/v1/folders/", {"name": f"f{time.monotonic_ns()}", "data": {"text": text}}),
        "small upload": await person.post("/api/v1/files/?process=false", data=_make_form(50_000)),
        "large upload": await person.post("/api/v1/files/?process=false", data=_make_form(1_500_000)),
    }


@pytest.mark.slow
async def test_a_full_disk_refuses_changes_until_it_has_space(
    server: Server, disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    ada = await server.sign_up("Ada")
    for name, reply in (await _send_changes(ada)).items():
        assert reply.status == 200, (name, reply.text)
    (await ada.get("/ready")).ok()
    chats = (await ada.get("/api/v1/chats/", page=1)).ok()
    caplog.clear()

    disk.fill()
    for _ in range(2):
        for reply in (await _send_changes(ada)).values():
            reply.refused(507, FULL)
    # What is there can be read.
    assert (await ada.get("/api/v1/chats/", page=1)).ok() == chats
    (await ada.get(f"/api/v1/chats/{chats[0]['id']}")).ok()
    (await ada.get("/api/models")).ok()
    (await ada.get("/health")).ok()
    (await ada.get("/health/db")).refused(503, "The disk of the database is full.")
    (await ada.get("/ready")).refused(503, "Database not ready")
    await asyncio.sleep(2.5)  # a probe fails
    (await ada.get("/health/db")).refused(503, "The disk of the database is full.")

    disk.free()
    deadline = time.monotonic() + 10
    while (reply := await ada.get("/ready")).status != 200:
        assert time.monotonic() < deadline, reply.text
        await asyncio.sleep(0.1)
    (await ada.get("/health/db")).ok()
    assert (await ada.get("/api/v1/chats/", page=1)).ok() == chats
    for name, reply in (await _send_changes(ada)).items():
        assert reply.status == 200, (name, reply.text)
    assert len((await ada.get("/api/v1/chats/", page=1)).ok()) == 2
    # Refused uploads leave no file behind.
    files = (await ada.get("/api/v1/files/")).ok()
    assert len(files["items"] if isinstance(files, dict) else files) == 4
    assert len(list((disk.path / "data" / "uploads").iterdir())) == 4
    _check_log(caplog)


def _check_log(caplog: pytest.LogCaptureFixture) -> None:
    """The database says twice what happens, and no traceback is there."""
    records = [record for record in caplog.records if record.name.startswith("fastback")]
    lines = [record.getMessage() for record in records if "the disk of the database" in record.getMessage()]
    assert [line.split(" database ")[1].split(",")[0].split(" after")[0] for line in lines] == [
        "is full",
        "has space again",
    ], lines
    assert [record for record in records if record.exc_info and record.levelno >= logging.WARNING] == []


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_full_disk_of_files_is_not_ready(server: Server, disk: SmallDisk) -> None:
    (await server.stranger().get("/ready")).ok()
    disk.fill()
    (await server.stranger().get("/ready")).refused(503, "Storage not ready")
    disk.free()
    (await server.stranger().get("/ready")).ok()


# Without a disk of one's own: a limit on the pages of SQLite


async def test_a_database_that_may_not_grow_is_full(start_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with start_server() as server:
        ada = await server.sign_up("Ada")
        server.people.append(ada)
        db = server.services.get(Database)
        connection: apsw.Connection = db._writer.connection
        size = connection.pragma("page_count")
        connection.pragma("max_page_count", size + 4)
        text = os.urandom(100_000).hex()
        folder = {"name": "large", "data": {"text": text}}
        (await ada.post("/api/v1/folders/", folder)).refused(507, FULL)
        (await ada.get("/health/db")).refused(503, "The disk of the database is full.")
        # In a transaction, in a thread, in a process of its own: the same, and nothing is half there.
        insert = "INSERT INTO config (key, value, updated_at) VALUES (:key, :text, 0)"
        for long in (False, True):
            with pytest.raises(StorageFull):
                async with db.transaction(long=long) as tx:
                    await tx.execute("tests.insert", insert, key=f"small {long}", text="1")
                    await tx.execute("tests.insert", insert, key=f"large {long}", text=f'"{text}"')
        with pytest.raises(StorageFull):
            await db.execute_in_thread("tests.insert", insert, key="large", text=f'"{text}"')
        with pytest.raises(StorageFull):
            await db.run_script(f"INSERT INTO config (key, value, updated_at) VALUES ('large', '\"{text}\"', 0)")
        count = "SELECT count(*) FROM config WHERE key LIKE 'small%' OR key LIKE 'large%'"
        assert await db.fetch_value("tests.count", count) == 0
        assert not connection.in_transaction
        connection.pragma("max_page_count", 1 << 30)
        await asyncio.sleep(2.5)
        (await ada.get("/health/db")).ok()
        (await ada.post("/api/v1/folders/", folder)).ok()
        assert await db.fetch_value("tests.probe", "SELECT count(*) FROM sqlite_master WHERE name LIKE '%probe%'") == 0
        _check_log(caplog)


async def test_a_limit_on_the_size_of_files_is_a_full_disk(start_server: Any) -> None:
    """As a quota, it fails with another error than a full disk."""
    async with start_server() as server:
        ada = await server.sign_up("Ada")
        server.people.append(ada)
        folder = {"name": "large", "data": {"text": os.urandom(200_000).hex()}}
        wal_size = (server.data_dir / "webui.db-wal").stat().st_size
        previous = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (wal_size + 50_000, previous[1]))
            (await ada.post("/api/v1/folders/", folder)).refused(507, FULL)
            (await ada.post("/api/v1/files/?process=false", data=_make_form(3_000_000))).refused(507, FULL)
            (await ada.get("/health/db")).refused(503, "The disk of the database is full.")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, previous)
        (await ada.post("/api/v1/folders/", folder)).ok()
