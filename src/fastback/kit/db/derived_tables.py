"""Tables made out of the database, which may be thrown away and made again: an index, say.

PostgreSQL keeps them beside the others. SQLite keeps them in a file of their own beside the database, which stands
attached for reading: filling them never takes the lock that writers of the database wait for, and a program that knows
nothing of them never meets them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import msgspec

from fastback.kit.db.database import Database, Dialect
from fastback.kit.db.errors import DatabaseError

R = TypeVar("R")


class TableChange(msgspec.Struct, frozen=True):
    """A statement that changes derived tables, with its parameters."""

    name: str
    text: str
    params: dict[str, Any]


class TablesDesign(msgspec.Struct, frozen=True):
    """What derived tables look like.

    Attributes:
        name: names the file of SQLite.
        version: of the tables; a file of another version is made anew.
        tables: idempotent statements, by dialect.
        helpful: statements of PostgreSQL that may be refused (an extension): all of them count, or none.
        functions: functions of one argument that statements may call on SQLite.
    """

    name: str
    version: int
    tables: Mapping[str, Sequence[str]]
    optional: Sequence[str] = ()
    functions: Mapping[str, Callable[[Any], Any]] = {}


class DerivedTables(Protocol):
    """Derived tables, and the database they are made of, in one statement's reach; nothing holds up the event loop."""

    dialect: Dialect
    #: Whether the helpful statements were carried out.
    has_optional: bool

    async def open(self) -> None:
        """Make the tables where they are missing.

        Raises:
            DatabaseError: they cannot be made; statements over the database alone still can be read.
        """
        ...

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        """Read, from `open` on; whoever comes earlier waits."""
        ...

    async def apply_changes(self, changes: Sequence[TableChange]) -> None:
        """Change derived tables in one transaction, which may read the database."""
        ...

    async def close(self) -> None: ...


#: How statements over derived tables are planned: with their parameters in sight, by an index wherever there is one.
_PLAN = """SELECT set_config('plan_cache_mode', 'force_custom_plan', TRUE), set_config('enable_seqscan', 'off', TRUE),
    set_config('jit', 'off', TRUE)"""


class PostgresDerivedTables:
    """Derived tables in the database itself, for PostgreSQL."""

    dialect: Dialect = "postgres"

    def __init__(self, db: Database, design: TablesDesign) -> None:
        self._db = db
        self._design = design
        self.has_optional = False

    async def open(self) -> None:
        await self._make(self._design.tables[self.dialect])
        try:
            await self._make(self._design.optional)
            self.has_optional = True
        except DatabaseError:
            self.has_optional = False

    async def _make(self, statements: Sequence[str]) -> None:
        for statement in statements:
            try:
                await self._db.run_script(statement)
            except DatabaseError:
                # Another instance may have made the same in this moment.
                await asyncio.sleep(0.2)
                await self._db.run_script(statement)

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        async with self._db.transaction() as tx:
            await tx.fetch_value("derived.plan", _PLAN)
            return await tx.fetch_all(row, name, text, **params)

    async def apply_changes(self, changes: Sequence[TableChange]) -> None:
        async with self._db.transaction() as tx:
            for change in changes:
                await tx.execute(change.name, change.text, **change.params)

    async def close(self) -> None:
        pass


def make_derived_tables(db: Database, design: TablesDesign) -> DerivedTables:
    """Derived tables for a database, not yet opened."""
    if db.dialect == "postgres":
        return PostgresDerivedTables(db, design)
    from fastback.kit.db.sqlite import SqliteDatabase
    from fastback.kit.db.sqlite_derived_tables import DerivedFile

    path = Path(cast(SqliteDatabase, db).path)
    return DerivedFile(path, path.with_name(f"{path.stem}.fastback_{design.name}.db"), design)
