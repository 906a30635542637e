"""Lock the database of a running server for writers, as a backup or another program does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import apsw

from conftest import Server
from fastback.settings import Settings


@asynccontextmanager
async def lock_chats(server: Server) -> AsyncIterator[None]:
    """Keep the server from writing chats and messages while the context is open; it can read them."""
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
                await client.execute("LOCK TABLE chat, chat_message IN SHARE MODE")
                yield
        finally:
            await client.close()
