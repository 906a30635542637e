"""Lock the database of a running server for writers, as a backup or another program does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import apsw

from conftest import Server
from fastback.settings import Settings


@asynccontextmanager
async def lock_address(address: str | Path, *tables: str) -> AsyncIterator[None]:
    """Keep others from writing these tables of a database while the context is open; they can read them.

    `address` is that of a PostgreSQL database, or the file of an SQLite database, of which all tables are locked.
    """
    if isinstance(address, Path):
        connection = apsw.Connection(str(address))
        connection.set_busy_timeout(5000)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()
    else:
        import asyncpg

        client = await asyncpg.connect(address)
        try:
            async with client.transaction():
                await client.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE MODE")
                yield
        finally:
            await client.close()


def lock_tables(server: Server, *tables: str) -> AbstractAsyncContextManager[None]:
    """Keep a server from writing these tables; see `lock_address`."""
    if server.database == "sqlite":
        return lock_address(server.data_dir / "webui.db")
    return lock_address(server.services.get(Settings).database_url, *tables)


def lock_chats(server: Server) -> AbstractAsyncContextManager[None]:
    """Keep a server from writing chats and messages."""
    return lock_tables(server, "chat", "chat_message")
