"""Sessions of SQLAlchemy on the server's database.

Changes that plugins make here pass the server by: it sees them as those of another program.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, scoped_session

from fastback.plugin_host.sql_base import Base as Base
from fastback.plugin_host.sql_base import JSONField as JSONField
from fastback.plugin_host.sql_engines import find_engine, get_async_engine, get_engine


def SessionLocal(**options: Any) -> Session:
    """Return a session for code without `await`."""
    return Session(get_engine(), autoflush=False, expire_on_commit=False, **options)


def AsyncSessionLocal(**options: Any) -> AsyncSession:
    """Return a session for code that awaits."""
    return AsyncSession(get_async_engine(), autoflush=False, expire_on_commit=False, **options)


ScopedSession: Any = scoped_session(SessionLocal)  # type: ignore[arg-type]


def get_session() -> Iterator[Session]:
    """Yield a session, and close it afterwards."""
    with SessionLocal() as session:
        yield session


get_db = contextmanager(get_session)


@contextmanager
def get_db_context(db: Session | None = None) -> Iterator[Session]:
    """Yield the session, or a new one."""
    if db is not None:
        yield db
        return
    with SessionLocal() as session:
        yield session


async def get_async_session() -> AsyncIterator[AsyncSession]:
    """Yield a session, and close it afterwards."""
    async with AsyncSessionLocal() as session:
        yield session


get_async_db = asynccontextmanager(get_async_session)


@asynccontextmanager
async def get_async_db_context(db: AsyncSession | None = None) -> AsyncIterator[AsyncSession]:
    """Yield a new session; Open WebUI reuses `db` only on request."""
    async with AsyncSessionLocal() as session:
        yield session


def __getattr__(name: str) -> Any:
    if name in ("engine", "async_engine"):
        from fastback.plugin_host.server_link import SERVER

        if not SERVER.is_connected:
            return None  # code that is only inspected
        return find_engine() if name == "engine" else get_async_engine()
    if name in ("SQLALCHEMY_DATABASE_URL", "DATABASE_URL"):
        return str(get_async_engine().url)
    raise AttributeError(name)
