"""Derived tables of an SQLite database, in a side file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from fastback.kit.db.database import Dialect
from fastback.kit.db.derived_tables.protocol import TableChange, TablesDesign
from fastback.kit.db.derived_tables.sqlite_connection import prepare_connection
from fastback.kit.db.errors import DatabaseError, restore_error
from fastback.kit.db.query import compile_statement
from fastback.kit.db.rows import read_rows
from fastback.kit.db.side_file import BUSY_TIMEOUT, Connection, SideFile, SideFileDesign
from fastback.kit.db.sqlite_connection import StatementRunner
from fastback.kit.workers.errors import WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool

R = TypeVar("R")

#: Limits of the process that reads rows of megabytes.
_LIMITS = Limits(processes=1, seconds=120, idle=20, jobs=100, niceness=10)


class SqliteDerivedTables:
    """See `fastback.kit.db.derived_tables.protocol.DerivedTables`.

    Attributes:
        path: of the side file, beside the database: `{database}.fastback_{name}.db`.
    """

    dialect: Dialect = "sqlite"
    has_optional = True

    def __init__(self, database_path: Path, design: TablesDesign) -> None:
        self.path = database_path.with_name(f"{database_path.stem}.fastback_{design.name}.db")
        self._database_path = database_path
        self._design = design
        #: Statements that read only the database run with an empty database in place of the file until it is open.
        self._file = self._make_side_file(None)
        self._opened = asyncio.Event()
        self._workers = WorkerPool("fastback.kit.db.derived_tables.sqlite_worker", _LIMITS, name=design.name)

    def _make_side_file(self, path: Path | None) -> SideFile:
        design = SideFileDesign(
            version=self._design.version,
            tables=(),  # `open` creates them: their statements are idempotent
            prepare=self._prepare_connection,
            replaceable=True,
            # A user who may not read the database must not read what is derived from it.
            permissions_of=self._database_path,
        )
        return SideFile(path, design)

    def _prepare_connection(self, connection: Connection) -> None:
        prepare_connection(connection, str(self._database_path), self._design.functions)

    def _create_tables(self, connection: Connection) -> None:
        for statement in self._design.tables[self.dialect]:
            connection.execute(statement)

    async def open(self) -> None:
        file = self._make_side_file(self.path)
        try:
            await file.open(self._create_tables)
        except BaseException:
            await file.close()
            raise
        else:
            previous, self._file = self._file, file
            await previous.close()
        finally:
            self._opened.set()

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        await self._opened.wait()
        sqlite = compile_statement(text).sqlite

        def fetch(connection: Connection) -> list[R]:
            return read_rows(row, StatementRunner(connection).fetch_rows(name, sqlite, params))

        return await self._file.read(fetch)

    async def apply_changes(self, changes: Sequence[TableChange], *, is_large: bool = False) -> None:
        if is_large and self._file.path is not None:
            await self._apply_in_worker(changes)
            return

        def apply_to(connection: Connection) -> None:
            statements = StatementRunner(connection)
            for change in changes:
                statements.fetch_rows(change.name, compile_statement(change.text).sqlite, dict(change.params))

        await self._file.write(apply_to)

    async def _apply_in_worker(self, changes: Sequence[TableChange]) -> None:
        functions = self._design.functions.items()
        job = {
            "path": str(self.path),
            "database": str(self._database_path),
            "functions": {name: f"{function.__module__}:{function.__name__}" for name, function in functions},
            "busy_timeout": BUSY_TIMEOUT,
            "changes": [[change.name, compile_statement(change.text).sqlite, change.params] for change in changes],
        }
        try:
            result = await self._workers.run_job(job)
        except WorkerDied as error:
            raise DatabaseError(f"{self.path}: {error}") from error
        if "error" in result:
            raise restore_error(result["error"], result["text"])

    async def close(self) -> None:
        await self._workers.close()
        self._opened.set()
        await self._file.close()
