"""New connections to PostgreSQL, with the settings of their sessions."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress

import asyncpg
from asyncpg import Connection

from fastback.kit.db.pool_options import PoolOptions

log = logging.getLogger("fastback.db")

#: Seconds that the server has to accept a connection.
CONNECT_SECONDS = 10.0
#: Prepared statements that a connection keeps, until others take their place. Each takes three kilobytes here.
STATEMENT_CACHE_SIZE = 60
#: Options of a socket, by which a server that vanished without a word is noticed in half a minute.
_SOCKET_OPTIONS = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}


class PostgresConnector:
    """Open connections to the database at `url`, where tables are in `schema`."""

    def __init__(self, url: str, options: PoolOptions, *, schema: str | None = None) -> None:
        self._url = url
        self._session = {"application_name": "fastback"} | ({"search_path": schema} if schema else {})
        limits = {"statement_timeout": options.statement_limit, "lock_timeout": options.lock_limit}
        self._limits = {name: str(round(seconds * 1000)) for name, seconds in limits.items() if seconds > 0}

    async def connect(self, *, limited: bool = True) -> Connection:
        """Open a connection; with `limited`, its statements have the time limits.

        Raises:
            asyncpg's errors, OSError, ValueError.
        """
        limits = self._limits if limited else {}
        try:
            connection = await asyncpg.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                server_settings={**self._session, **limits},
                statement_cache_size=STATEMENT_CACHE_SIZE,
                max_cached_statement_lifetime=0,
            )
        except asyncpg.PostgresError as error:
            if not limits or "startup parameter" not in str(error):
                raise
            log.warning("time limits of statements are off, PgBouncer refuses them: %s", error)
            self._limits = {}
            return await self.connect(limited=False)
        # What follows is missing on a Unix socket and on some systems.
        with suppress(OSError, AttributeError):
            link = connection._transport.get_extra_info("socket")
            link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _SOCKET_OPTIONS.items():
                link.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return connection
