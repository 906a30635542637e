"""The interface of a database, whichever engine runs it: named statements in, structs out."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeVar

from fastback.kit.db.disk_space import DiskSpace
from fastback.kit.workers.pool import WorkerPool

R = TypeVar("R")

Dialect = Literal["sqlite", "postgres"]


class Executor(Protocol):
    """Run named statements.

    The log of slow statements and the timings call a statement by its `name`. Parameters are named; a list is bound to
    `= ANY(:ids)`; JSON is passed as text. A row becomes a `row` struct whose fields are in the order of the selected
    columns (see `rows.read_rows`).

    Raises (every method):
        IntegrityError: a constraint of the schema refuses a row.
        InvalidValueError: a value is out of range or too long. NUL characters are removed from texts.
        DatabaseUnavailable, DatabaseBusy: the database does not respond, or a lock is held for too long.
        StorageFull: the disk is full.
        DatabaseError: the statement fails.
    """

    dialect: Dialect

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        """Return every row."""
        ...

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        """Return the first row, or None where there is no row."""
        ...

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        """Return the first column of the first row, or None where there is no row."""
        ...

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        """Run a statement and return the number of rows that it changed."""
        ...

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        """Run a statement once for each dict of parameters."""
        ...


class Transaction(Executor, Protocol):
    """Statements that are committed together or not at all. Inside, await nothing but the transaction itself."""


class Database(Executor, Protocol):
    """A database with its connections."""

    #: Held while an index is created: in PostgreSQL two concurrent builds on one table wait for each other.
    index_lock: asyncio.Lock
    #: Whether changes are refused because the disk is full.
    disk_space: DiskSpace
    #: Take apart the large JSON that the database returns (`fastback.kit.large_json`).
    json_workers: WorkerPool

    def transaction(self, *, long: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction; an exception rolls it back.

        A `long` one changes many rows or large ones: no statement of it blocks the event loop, but each costs a thread
        switch. For a single statement `execute_in_thread` is cheaper.
        """
        ...

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        """Return every row, as `fetch_all`, without blocking the event loop: for statements that may be slow."""
        ...

    async def execute_in_thread(self, name: str, text: str, /, **params: Any) -> int:
        """Run a statement, as `execute`, without blocking the event loop: for one that changes many or large rows."""
        ...

    def get_change_stamp(self) -> int | None:
        """Return a number that changes whenever any process changes the database; None where there is no such number.

        What was computed from the database is valid as long as the number is the same.
        """
        ...

    def measure_pool(self) -> dict[str, int] | None:
        """Return the numbers of connections by state; None where there is no pool of connections.

        The states are `used` and `idle`; `waiting` is the number of callers without a connection.
        """
        ...

    async def run_script(self, text: str) -> None:
        """Run several statements, separated by `;` at the end of a line, in one transaction."""
        ...

    async def run_unlimited(self, name: str, text: str) -> None:
        """Run a statement without parameters, outside of a transaction, that may take or wait for as long as it needs.

        It neither blocks the event loop nor takes a connection from others.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
