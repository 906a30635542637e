"""The pool of connections to PostgreSQL: its size, idle connections, limits of the server, PgBouncer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from fastback.kit.db import postgres_connector
from fastback.kit.db.connect import connect
from fastback.kit.db.pool_options import PoolOptions
from prepared_database import POSTGRES, postgres_database

pytestmark = pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with postgres_database(empty=True) as address:
        yield address


@asynccontextmanager
async def open_database(url: str, **options: Any) -> AsyncIterator[Any]:
    db = await connect(url, pool=PoolOptions(**options))
    try:
        yield db
    finally:
        await db.close()


async def _count_connections(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        text = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'fastback'"
        )
        return int(await connection.fetchval(text))
    finally:
        await connection.close()


async def _sleep(db: Any, seconds: float) -> None:
    await db.fetch_value("tests.sleep", "SELECT pg_sleep(:seconds)", seconds=seconds)


async def test_connections_are_opened_when_they_are_needed_and_never_more_than_allowed(url: str) -> None:
    async with open_database(url, size=3) as db:
        assert await _count_connections(url) == 1
        for _ in range(3):
            await _sleep(db, 0)
        assert await _count_connections(url) == 1
        await asyncio.gather(*(_sleep(db, 0.1) for _ in range(9)))
        assert await _count_connections(url) == 3
    assert await _count_connections(url) == 0


async def test_idle_connections_are_closed_and_used_ones_stay(url: str) -> None:
    async with open_database(url, size=5, recycle=0.3) as db:
        await asyncio.gather(*(_sleep(db, 0.05) for _ in range(5)))
        assert await _count_connections(url) == 5
        backends = set()
        for _ in range(20):
            backends.add(await db.fetch_value("tests.pid", "SELECT pg_backend_pid()"))
            await asyncio.sleep(0.05)
        assert await _count_connections(url) == 1
        assert len(backends) == 1
        await asyncio.sleep(1)
        assert await _count_connections(url) == 0
        await _sleep(db, 0)


async def test_a_server_that_accepts_no_more_connections_is_waited_for(url: str) -> None:
    """Other programs use the server, too: a statement waits for a connection that this pool has already."""
    role = f"limited_{url.rsplit('_', 1)[1]}"
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 2")
        async with open_database(url.replace("postgres@", f"{role}@"), size=6) as db:
            await asyncio.gather(*(_sleep(db, 0.1) for _ in range(12)))
    finally:
        await admin.execute(f"DROP ROLE {role}")
        await admin.close()


async def test_a_pooler_that_refuses_limits_is_used_without_them(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """PgBouncer refuses start-up parameters that it does not know."""
    open_connection = asyncpg.connect

    async def refuse_limits(*arguments: Any, server_settings: dict[str, str], **options: Any) -> Any:
        if "statement_timeout" in server_settings:
            raise asyncpg.ProtocolViolationError("unsupported startup parameter: statement_timeout")
        return await open_connection(*arguments, server_settings=server_settings, **options)

    monkeypatch.setattr(postgres_connector.asyncpg, "connect", refuse_limits)
    async with open_database(url, size=3, statement_limit=5.0) as db:
        await asyncio.gather(*(_sleep(db, 0.05) for _ in range(3)))
        assert await db.fetch_value("tests.limit", "SELECT current_setting('statement_timeout')") == "0"
    assert caplog.text.count("time limits of statements are off") == 1
