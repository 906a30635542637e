"""Tables derived from the database, which can be dropped and rebuilt: an index, for example.

PostgreSQL has them in the database itself. SQLite has them in a side file, to which the database is attached for
reading: filling them never takes the lock that writers of the database wait for, and a program that does not know
them never sees them.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from fastback.kit.db.database import Database
from fastback.kit.db.derived_tables.protocol import DerivedTables, TableChange, TablesDesign

__all__ = ["DerivedTables", "TableChange", "TablesDesign", "make_derived_tables"]


def make_derived_tables(db: Database, design: TablesDesign) -> DerivedTables:
    """Return the derived tables of a database, not yet opened; only the driver of that database is imported."""
    if db.dialect == "postgres":
        from fastback.kit.db.derived_tables.postgres import PostgresDerivedTables

        return PostgresDerivedTables(db, design)
    from fastback.kit.db.derived_tables.sqlite import SqliteDerivedTables
    from fastback.kit.db.sqlite import SqliteDatabase

    return SqliteDerivedTables(Path(cast(SqliteDatabase, db).path), design)
