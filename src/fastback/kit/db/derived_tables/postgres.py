"""Derived tables in the PostgreSQL database itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

from fastback.kit.db.database import Database, Dialect
from fastback.kit.db.derived_tables.protocol import TableChange, TablesDesign
from fastback.kit.db.errors import DatabaseError

R = TypeVar("R")

#: Plan a statement with its parameters known, and use an index wherever there is one.
SET_PLANNER_OPTIONS_POSTGRES = """
    SELECT set_config('plan_cache_mode', 'force_custom_plan', TRUE), set_config('enable_seqscan', 'off', TRUE),
        set_config('jit', 'off', TRUE)"""
#: Seconds before a statement that creates a table is retried.
_RETRY_PAUSE = 0.2


class PostgresDerivedTables:
    """See `fastback.kit.db.derived_tables.protocol.DerivedTables`."""

    dialect: Dialect = "postgres"

    def __init__(self, db: Database, design: TablesDesign) -> None:
        self._db = db
        self._design = design
        self.has_optional = False

    async def open(self) -> None:
        await self._run_statements(self._design.tables[self.dialect])
        try:
            await self._run_statements(self._design.optional)
            self.has_optional = True
        except DatabaseError:
            self.has_optional = False

    async def _run_statements(self, statements: Sequence[str]) -> None:
        for statement in statements:
            try:
                await self._db.run_script(statement)
            except DatabaseError:
                # Another instance may have created the same in this moment.
                await asyncio.sleep(_RETRY_PAUSE)
                await self._db.run_script(statement)

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        if not self._design.prefers_indexes:
            return await self._db.fetch_all_in_thread(row, name, text, **params)
        async with self._db.transaction() as tx:
            await tx.fetch_value("derived_tables.set_planner_options", SET_PLANNER_OPTIONS_POSTGRES)
            return await tx.fetch_all(row, name, text, **params)

    async def apply_changes(self, changes: Sequence[TableChange], *, is_large: bool = False) -> None:
        async with self._db.transaction() as tx:
            for change in changes:
                await tx.execute(change.name, change.text, **change.params)

    async def close(self) -> None:
        """Do nothing: the database closes the connections."""
