"""Engines of SQLAlchemy on the server's database, for plugins that read or write it by themselves.

They are created when a plugin first uses one. SQLite is shared with the server: each waits for the other's writes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from fastback.plugin_host.server_link import SERVER

#: Seconds that a write to SQLite waits for that of another.
_BUSY_SECONDS = 10


@cache
def get_engine() -> Engine:
    """Return the engine for code without `await`.

    Raises:
        ImportError: the database is PostgreSQL, and there is no driver for it.
    """
    url, schema = _get_address()
    if url.get_backend_name() == "sqlite":
        url = url.set(drivername="sqlite")
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    options = f"-csearch_path={schema}" if schema else ""
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), connect_args={"options": options})
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error}. Without await, plugins reach PostgreSQL through psycopg: pip install 'psycopg[binary]'; "
            "get_async_db works without it"
        ) from None


class MissingEngine:
    """The engine of a database without a driver: it may be imported, and fails when it is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(get_engine(), name)


def find_engine() -> Any:
    """Return the engine for code without `await`, or one that fails when it is used."""
    try:
        return get_engine()
    except ImportError:
        return MissingEngine()


@cache
def get_async_engine() -> AsyncEngine:
    """Return the engine for code that awaits; it works on any event loop."""
    url, schema = _get_address()
    if url.get_backend_name() == "sqlite":
        url = url.set(drivername="sqlite+aiosqlite")
        # Connections of one event loop do not work on another.
        engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine
    arguments: dict[str, Any] = {"server_settings": {"search_path": schema}} if schema else {}
    query = dict(url.query)
    if "sslmode" in query:
        arguments["ssl"] = query.pop("sslmode")
    url = url.set(drivername="postgresql+asyncpg", query=query)
    return create_async_engine(url, poolclass=NullPool, connect_args=arguments)


def _get_address() -> tuple[URL, str | None]:
    address = SERVER.call_blocking("database.get_address")
    return make_url(address["url"]), address["schema"]


def _prepare_sqlite(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
