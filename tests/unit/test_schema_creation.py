"""Processes that start at the same moment on an empty database."""

from __future__ import annotations

import asyncio

import pytest

from fastback import app
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.schema import revision
from fastback.schema.revision import REVISION, ensure_schema, find_revision
from prepared_database import POSTGRES, postgres_database

pytestmark = pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")


async def test_one_of_them_creates_the_schema() -> None:
    async with postgres_database(empty=True) as url:
        databases = [await connect(url) for _ in range(4)]
        try:
            own_statements = list(app.OWN_TABLES)
            created = await asyncio.gather(
                *(ensure_schema(database, own_statements=own_statements) for database in databases)
            )
            assert sorted(created) == [False, False, False, True]
            assert await find_revision(databases[0]) == REVISION
        finally:
            for database in databases:
                await database.close()


async def test_one_may_create_it_while_another_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    async with postgres_database(empty=True) as url:
        first, second = [await connect(url) for _ in range(2)]
        find = revision.find_revision
        created = []

        async def find_slowly(database: Database) -> str | None:
            found = await find(database)
            if database is first and not created:
                created.append(True)
                created.append(await ensure_schema(second))
            return found

        monkeypatch.setattr(revision, "find_revision", find_slowly)
        try:
            assert not await ensure_schema(first)
            assert created == [True, True]
        finally:
            for database in (first, second):
                await database.close()
