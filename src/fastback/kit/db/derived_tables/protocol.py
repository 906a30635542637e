"""The interface of derived tables, and the structs that describe and change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from fastback.kit.db.database import Dialect

R = TypeVar("R")


class TableChange(msgspec.Struct, frozen=True):
    """A statement that changes derived tables, with its parameters."""

    name: str
    text: str
    params: dict[str, Any]


class TablesDesign(msgspec.Struct, frozen=True):
    """The definition of derived tables.

    Attributes:
        name: part of the side file's name in SQLite.
        version: of the tables; a side file of another version is replaced by an empty one.
        tables: idempotent statements that create the tables, by dialect.
        optional: statements of PostgreSQL that the server may refuse (an extension): all of them are used, or none.
        functions: functions of one argument that statements may call in SQLite.
        prefers_indexes: whether PostgreSQL reads an index wherever there is one, whatever it expects to cost less.
    """

    name: str
    version: int
    tables: Mapping[str, Sequence[str]]
    optional: Sequence[str] = ()
    functions: Mapping[str, Callable[[Any], Any]] = {}
    prefers_indexes: bool = True


class DerivedTables(Protocol):
    """Derived tables; a statement may also read the database. No method blocks the event loop."""

    dialect: Dialect
    #: Whether the server accepted the optional statements.
    has_optional: bool

    async def open(self) -> None:
        """Create the tables that are missing; may be called again after a failure.

        Raises:
            DatabaseError: they cannot be created; statements that only read the database still work.
        """
        ...

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        """Return every row of a statement; calls before `open` has ended wait for it.

        Raises:
            DatabaseError: the statement fails.
        """
        ...

    async def apply_changes(self, changes: Sequence[TableChange], *, is_large: bool = False) -> None:
        """Run statements in one transaction; where they read rows of megabytes, `is_large`, not in this process.

        Raises:
            DatabaseError: a statement fails; none of them has an effect.
        """
        ...

    async def close(self) -> None:
        """Wait for running statements to end, and close the tables."""
        ...
