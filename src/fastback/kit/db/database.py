"""The interface every store speaks to, whichever database stands behind it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

R = TypeVar("R")

Dialect = Literal["sqlite", "postgres"]


class Executor(Protocol):
    """Runs named statements. `name` is what a slow statement is called in the log and the metrics.

    Parameters are named; a list stands for `= ANY(:ids)`; JSON goes in as text. Rows come back as `row` structs whose
    fields stand in the order of the selected columns (see `rows.read_all`).
    """

    dialect: Dialect

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]: ...

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None: ...

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        """The first column of the first row, or None."""
        ...

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        """Run a statement; the number of rows it changed."""
        ...

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None: ...


class Transaction(Executor, Protocol):
    """Statements that happen together or not at all. Inside, await nothing but the transaction itself."""


class Database(Executor, Protocol):
    """A database with its connections."""

    def transaction(self, *, long: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """A transaction. A `long` one changes many rows or large ones: no statement of it holds up the event loop, but
        each costs a thread's turn; a single statement is cheaper as `execute_in_thread`."""
        ...

    async def execute_apart(self, name: str, text: str, files: Mapping[str, str | Path], /, **params: Any) -> int:
        """Like `execute`, for a statement on rows with megabytes of text: the server's memory holds nothing of them.

        `files` are parameters whose text stands in a file, in UTF-8.
        """
        ...

    async def text_apart(self, name: str, text: str, into: str | Path, /, **params: Any) -> bool:
        """Write the one text that a statement gives into a file, in UTF-8; the server's memory holds nothing of it.

        Returns whether there is one that is not NULL.
        """
        ...

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        """Like `all`, for a statement that may take long: it never holds up the event loop."""
        ...

    async def execute_in_thread(self, name: str, text: str, /, **params: Any) -> int:
        """Like `execute`, for one statement that changes many rows or large ones: it never holds up the event loop."""
        ...

    def get_change_stamp(self) -> int | None:
        """A number that changes whenever anybody, also another process, changes the database; None where there is none.

        What was made out of the database is fresh while it stands still.
        """
        ...

    async def run_script(self, text: str) -> None:
        """Run several statements, separated by `;` at the end of a line, in one transaction."""
        ...

    async def close(self) -> None: ...
