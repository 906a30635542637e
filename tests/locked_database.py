"""Lock the database of a running server for writers, as a backup or another program does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import apsw

from conftest import Server
from fastback.settings import Settings


@asynccontextmanager
async def lock_tables(server: Server, *tables: str) -> AsyncIterator[None]:
    """Keep the server from writing these tables while the context is open, on SQLite any; it can read them."""
    if server.database == "sqlite":
        connection = apsw.Connection(str(server.data_dir / "webui.db"))
        connection.set_busy_timeout(5000)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()
    else:
        import asyncpg

        client = await asyncpg.connect(server.services.get(Settings).database_url)
        try:
            async with client.transaction():
                await client.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE MODE")
                yield
        finally:
            await client.close()


def lock_chats(server: Server) -> AbstractAsyncContextManager[None]:
    """Keep the server from writing chats and messages."""
    return lock_tables(server, "chat", "chat_message")
