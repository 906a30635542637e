"""Connections to PostgreSQL, opened when they are needed, and one attempt to reconnect for all who wait for it.

Statements leave nothing behind in their session (settings are `LOCAL`, advisory locks belong to a transaction), so
a connection needs no reset between two uses, which would cost a round trip each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import asyncpg
from asyncpg import Connection

from fastback.kit.db.disk_space import DiskSpace
from fastback.kit.db.errors import DatabaseBusy, DatabaseError, DatabaseUnavailable
from fastback.kit.db.pool_options import PoolOptions
from fastback.kit.db.postgres_connector import PostgresConnector
from fastback.kit.db.postgres_errors import (
    DRIVER_ERRORS,
    describe_error,
    is_connection_lost,
    translate_error,
)

log = logging.getLogger("fastback.db")

#: Seconds that a cancelled statement has to end before its connection is closed.
CLEAN_UP_SECONDS = 5.0
#: Seconds between two attempts to reconnect: the first pause, and the longest one.
RETRY_PAUSES = (0.1, 1.0)
#: Write some pages, and leave nothing behind.
PROBE_SPACE_POSTGRES = """
    CREATE TEMPORARY TABLE fastback_space_probe AS SELECT repeat('x', 1000) FROM generate_series(1, 64);
    DROP TABLE fastback_space_probe"""


class _Outage:
    """A time in which the server cannot be reached."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.began = monotonic()
        self.ended = asyncio.Event()


class ConnectionPool:
    """At most `size` connections; see `PoolOptions`."""

    def __init__(self, url: str, options: PoolOptions, *, schema: str | None = None) -> None:
        self.options = options
        self.disk_space = DiskSpace(self._probe_space)
        self._connector = PostgresConnector(url, options, schema=schema)
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(options.size)
        self._outage: _Outage | None = None
        #: Number of callers with a slot that wait for the end of the outage.
        self._waiting = 0
        #: Number of callers that wait for a slot.
        self._queued = 0
        #: The connections at the bottom of `_idle` that were not used since the last recycling.
        self._unused = 0
        self._recycling: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def open(self) -> None:
        """Open the first connection; wait for a server that is not up yet.

        Raises:
            DatabaseError: the server cannot be reached, or refuses the connection.
        """
        deadline = monotonic() + self.options.start_wait
        has_warned = False
        while True:
            try:
                self._idle.append(await self._connector.connect())
                break
            except (*DRIVER_ERRORS, ValueError) as error:
                if not is_connection_lost(error) or monotonic() > deadline:
                    raise DatabaseError(f"cannot connect to PostgreSQL: {describe_error(error)}") from error
                if not has_warned:
                    has_warned = True
                    wait = self.options.start_wait
                    log.warning("PostgreSQL is not up yet, retrying for %g s: %s", wait, describe_error(error))
            await asyncio.sleep(0.25)
        if self.options.recycle > 0:
            self._recycling = asyncio.get_running_loop().call_later(self.options.recycle, self._recycle)

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """Return a connection for the caller alone, who releases it.

        A `fresh` one has just been opened: after one connection was lost, the idle ones may be about to end, too.

        Raises:
            DatabaseBusy: no connection became free in time. DatabaseUnavailable: the server cannot be reached.
        """
        if not self._slots.locked():
            await self._slots.acquire()  # at once
        else:
            await self._wait_for_slot()
        try:
            if fresh:
                self._drop_idle()
            return self._pop_idle() or await self._wait_for_connection()
        except BaseException:
            self._slots.release()
            raise

    async def _wait_for_slot(self) -> None:
        timeout = max(self.options.timeout, 0.05)
        try:
            self._queued += 1
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError:
            text = f"no connection to PostgreSQL became free within {timeout:g} seconds (DATABASE_POOL_TIMEOUT)"
            raise DatabaseBusy(text) from None
        finally:
            self._queued -= 1

    def measure(self) -> dict[str, int]:
        """Return the numbers of connections by state, as `Database.measure_pool`."""
        used = self.options.size - self._slots._value
        return {"used": used, "idle": len(self._idle), "waiting": self._queued + self._waiting}

    def _pop_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if len(self._idle) < self._unused:
                self._unused = len(self._idle)
            if not connection.is_closed():
                return connection
            connection.terminate()  # the driver frees what it holds for the connection
        return None

    def _drop_idle(self) -> None:
        for connection in self._idle:
            connection.terminate()
        self._idle.clear()
        self._unused = 0

    async def _wait_for_connection(self) -> Connection:
        """Return a new connection, or one that became free while the server could not be reached."""
        deadline = monotonic() + self.options.outage_wait
        while True:
            connection = await self._try_to_connect(deadline) or self._pop_idle()
            if connection is not None:
                return connection

    async def open_apart(self) -> Connection:
        """Open a connection without time limits that is not part of the pool; the caller closes it.

        Raises:
            DatabaseError: as `acquire`.
        """
        deadline = monotonic() + self.options.outage_wait
        while True:
            connection = await self._try_to_connect(deadline, limited=False)
            if connection is not None:
                return connection

    async def _try_to_connect(self, deadline: float, *, limited: bool = True) -> Connection | None:
        """Return a new connection, or None where another attempt may succeed before the deadline.

        Raises:
            DatabaseBusy, DatabaseUnavailable: the deadline has passed, or the outage lasts for too long already.
        """
        if self._outage is None:
            try:
                return await self._connector.connect(limited=limited)
            except asyncpg.TooManyConnectionsError as error:
                # Other programs use the server, too; a connection of this pool may become free meanwhile.
                if monotonic() > deadline:
                    raise DatabaseBusy(f"PostgreSQL accepts no more connections: {error}") from error
                await asyncio.sleep(RETRY_PAUSES[0])
                return None
            except DRIVER_ERRORS as error:
                self._begin_outage(error)
        if self._outage is not None:
            await self._wait_for_end(self._outage, deadline)
        return None

    async def _wait_for_end(self, outage: _Outage, deadline: float) -> None:
        """Wait for the end of an outage: until `deadline`, but not at all in one that lasts for longer already."""
        seconds = min(deadline, outage.began + self.options.outage_wait) - monotonic()
        self._waiting += 1
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await outage.ended.wait()
        except TimeoutError:
            raise DatabaseUnavailable(f"PostgreSQL is unavailable: {outage.reason}") from None
        finally:
            self._waiting -= 1

    def _begin_outage(self, error: Exception) -> None:
        if self._outage is None and not self._is_closed:
            reason = describe_error(error)
            log.error("PostgreSQL is unavailable, reconnecting: %s", reason)
            self._outage = _Outage(reason)
            self._start(self._end_outage(self._outage))

    async def _end_outage(self, outage: _Outage) -> None:
        """Reconnect as soon as that succeeds."""
        pause, longest = RETRY_PAUSES
        while True:
            try:
                connection = await self._connector.connect()
                break
            except Exception as error:
                outage.reason = describe_error(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)
        log.warning("PostgreSQL is available again after %.1f s", monotonic() - outage.began)
        self._outage = None
        outage.ended.set()
        if self._waiting:
            self._idle.append(connection)
        else:
            await close_connection(connection)

    def explain_failure(self, error: Exception, name: str, connection: Connection) -> DatabaseError:
        """Return the error to raise for one that the statement `name` raised; close a connection that is lost."""
        if is_connection_lost(error) or connection.is_closed():
            connection.terminate()
            self._begin_outage(error)
            return translate_error(error, name, is_lost=True)
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            connection.terminate()  # a new connection may reach the server that took over
        failure = translate_error(error, name)
        self.disk_space.report_failure(failure)
        return failure

    async def _probe_space(self) -> None:
        connection = await self.acquire()
        try:
            await connection.execute(PROBE_SPACE_POSTGRES)
        except DRIVER_ERRORS as error:
            raise self.explain_failure(error, "space.probe", connection) from error
        finally:
            self.release(connection)

    def release(self, connection: Connection, *, interrupted: bool = False) -> None:
        """Take a connection back. `interrupted` says that a statement was cancelled and may still run."""
        if connection.is_closed() or self._is_closed:
            connection.terminate()
            self._slots.release()
        elif interrupted or connection.is_in_transaction():
            self._start(self._clean_up(connection))
        else:
            self._idle.append(connection)
            self._slots.release()

    async def _clean_up(self, connection: Connection) -> None:
        """Wait for the end of a cancelled statement, and roll back an open transaction."""
        try:
            async with asyncio.timeout(CLEAN_UP_SECONDS):
                await connection.execute("")  # first waits for the statement
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
        except Exception:
            connection.terminate()
        except BaseException:
            connection.terminate()
            raise
        else:
            self._idle.append(connection)
        finally:
            self._slots.release()

    def _recycle(self) -> None:
        """Close the connections that were not used since the last call."""
        unused, self._idle = self._idle[: self._unused], self._idle[self._unused :]
        for connection in unused:
            self._start(close_connection(connection))
        self._unused = len(self._idle)
        self._recycling = asyncio.get_running_loop().call_later(self.options.recycle, self._recycle)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close the connections; those in use are closed when they are released."""
        self._is_closed = True
        await self.disk_space.close()
        if self._recycling is not None:
            self._recycling.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        while self._idle:
            await close_connection(self._idle.pop())


async def close_connection(connection: Connection) -> None:
    """Close a connection; a statement that still runs is cancelled."""
    try:
        await connection.close(timeout=CLEAN_UP_SECONDS)
    except DRIVER_ERRORS:
        connection.terminate()
