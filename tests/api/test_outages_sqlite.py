"""Another program locks the SQLite file, with and without the write-ahead log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from conftest import Person, Server, run_server
from fastback.features.chats.fragments import DOCUMENT
from fastback.features.chats.search import indexer
from fastback.features.chats.search.indexer import ChatIndexer
from fastback.kit.db import Database, DatabaseBusy, side_file
from fastback.kit.db.derived_tables import sqlite as derived_sqlite
from fastback.kit.db.large_column import fetch_large
from fastback.kit.db.large_text import execute_with_files

BUSY = "The database is busy. Please try again in a moment."


@pytest.fixture(params=["true", "false"], ids=["wal", "no wal"])
def wal(request: pytest.FixtureRequest) -> bool:
    return request.param == "true"


@pytest.fixture
async def server(wal: bool, upstream: str, tmp_path: Path) -> AsyncIterator[Server]:
    env = {
        "OPENAI_API_BASE_URLS": f"{upstream}/v1",
        "OPENAI_API_KEYS": "k",
        "ENABLE_OLLAMA_API": "false",
        "DATABASE_ENABLE_SQLITE_WAL": str(wal),
        "DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT": "400",
    }
    async with run_server(env, tmp_path, "sqlite") as running:
        yield running


class OtherProgram:
    """Another program's connection to the database of a server."""

    def __init__(self, server: Server) -> None:
        self._connection = apsw.Connection(str(server.data_dir / "webui.db"))
        self._connection.set_busy_timeout(20_000)

    async def lock(self, mode: str) -> None:
        await asyncio.to_thread(self._connection.execute, f"BEGIN {mode}")

    async def read(self) -> None:
        """Begin to read, and do not end."""
        await self.lock("DEFERRED")
        await asyncio.to_thread(lambda: self._connection.execute("SELECT count(*) FROM chat").fetchall())

    def release(self) -> None:
        self._connection.execute("ROLLBACK")


@pytest.fixture
def other(server: Server) -> OtherProgram:
    return OtherProgram(server)


async def test_a_file_that_stays_locked_is_answered_with_503(
    server: Server, ada: Person, other: OtherProgram, caplog: pytest.LogCaptureFixture
) -> None:
    await _wait_until_settled(server)
    caplog.clear()
    await other.lock("EXCLUSIVE")
    reply = await ada.post("/api/v1/folders/", {"name": "a"})
    reply.refused(503, BUSY)
    assert reply.headers["Retry-After"] == "2"
    (await ada.post("/api/v1/chats/new", {"chat": {"title": "a"}})).refused(503, BUSY)
    assert not [record for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR]
    other.release()
    (await ada.post("/api/v1/folders/", {"name": "a"})).ok()
    assert [folder["name"] for folder in (await ada.get("/api/v1/folders/")).ok()] == ["a"]


async def test_every_way_to_run_a_statement_waits_for_a_lock_or_says_busy(
    server: Server, wal: bool, ada: Person, other: OtherProgram, tmp_path: Path
) -> None:
    await _wait_until_settled(server)
    db = server.services.get(Database)
    update = "UPDATE config SET updated_at = 1"
    (tmp_path / "text").write_text("1")

    async def change(long: bool) -> None:
        async with db.transaction(long=long) as tx:
            await tx.execute("tests.update", update)

    ways: list[Callable[[], Any]] = [
        lambda: db.execute("tests.update", update),
        lambda: db.execute_in_thread("tests.update", update),
        lambda: db.run_script(update),
        lambda: change(False),
        lambda: change(True),
        lambda: execute_with_files(db, "tests.update", update + " WHERE key <> :key", {"key": tmp_path / "text"}),
    ]
    if not wal:  # readers wait, too
        ways.append(lambda: db.fetch_value("tests.read", "SELECT count(*) FROM chat"))
        ways.append(lambda: db.fetch_all_in_thread(int, "tests.read", "SELECT count(*) FROM chat"))
        ways.append(lambda: fetch_large(db, DOCUMENT, "none"))
    for way in ways:
        await other.lock("EXCLUSIVE")
        with pytest.raises(DatabaseBusy):
            await way()
        waiting = asyncio.ensure_future(way())
        await asyncio.sleep(0.1)
        other.release()
        await waiting
        # One who reads holds up a commit where there is no log.
        await other.read()
        waiting = asyncio.ensure_future(way())
        await asyncio.sleep(0.1)
        other.release()
        await waiting
        assert not db._writer.connection.in_transaction


async def test_the_search_index_follows_when_a_lock_ends(
    server: Server,
    ada: Person,
    other: OtherProgram,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(side_file, "BUSY_TIMEOUT", 200)
    monkeypatch.setattr(derived_sqlite, "BUSY_TIMEOUT", 200)
    monkeypatch.setattr(indexer, "RETRY_SECONDS", 0.5)
    message = {"id": "m", "role": "user", "content": "the pangolin sleeps", "parentId": None, "childrenIds": []}
    chat = {"title": "animals", "history": {"messages": {"m": message}, "currentId": "m"}, "messages": [message]}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    await other.lock("EXCLUSIVE")
    await asyncio.sleep(2)
    other.release()
    await _wait_until_settled(server)
    assert "only its title can be found" not in caplog.text
    hits = (await ada.get("/api/v1/chats/search", text="pangolin")).ok()
    assert [hit["id"] for hit in hits] == [chat_id]


async def _wait_until_settled(server: Server) -> None:
    deadline = time.monotonic() + 20
    while not server.services.get(ChatIndexer).is_settled:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
