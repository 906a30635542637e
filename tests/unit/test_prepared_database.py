"""The prepared database of the tests equals an empty database after a first start, without its configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fastback import app
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.settings import load_settings
from prepared_database import copy_sqlite, postgres_database

#: Name and definition of every object, as text.
_OBJECTS = {
    "sqlite": "SELECT name || ': ' || coalesce(sql, '') FROM sqlite_master",
    "postgres": """SELECT table_name || ': ' || column_name || ' ' || data_type || ' ' || is_nullable
        || ' ' || coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = current_schema()
        UNION ALL SELECT indexname || ': ' || indexdef FROM pg_indexes WHERE schemaname = current_schema()
        UNION ALL SELECT conname || ': ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace""",
}
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgres": "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
}


@pytest.fixture
async def databases(database: str, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Open a prepared database, and an empty database in which the schema was just created."""
    async with AsyncExitStack() as stack:
        if database == "postgres":
            prepared = await stack.enter_async_context(postgres_database())
            fresh = await stack.enter_async_context(postgres_database(empty=True))
        else:
            await copy_sqlite(tmp_path / "prepared.db")
            prepared, fresh = (f"sqlite:///{tmp_path}/{name}.db" for name in ("prepared", "fresh"))
        settings = load_settings({"DATA_DIR": str(tmp_path), "DATABASE_URL": fresh}, dotenv=None)
        pair = await connect(prepared, wal=False), await app.open_database(settings)
        for db in pair:
            stack.push_async_callback(db.close)
        yield pair


async def test_it_has_the_objects_of_a_fresh_database(databases: tuple[Database, Database]) -> None:
    prepared, fresh = [set(await db.fetch_all(str, "test.objects", _OBJECTS[db.dialect])) for db in databases]
    assert len(fresh) > 100 and fresh <= prepared
    assert [line for line in prepared - fresh if not line.startswith("fastback_")] == []


async def test_its_tables_are_empty(databases: tuple[Database, Database]) -> None:
    db, _ = databases
    tables = await db.fetch_all(str, "test.tables", _TABLES[db.dialect])
    filled = [name for name in tables if await db.fetch_value("test.rows", f'SELECT count(*) FROM "{name}"')]
    assert filled == ["alembic_version"]
    if db.dialect == "sqlite":
        assert await db.fetch_value("test.journal", "PRAGMA journal_mode") == "delete"
