"""One interface to SQLite and PostgreSQL: named statements in, structs out."""

from fastback.kit.db.database import Database, Executor, Transaction
from fastback.kit.db.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnavailable,
    IntegrityError,
    InvalidValueError,
    RevisionError,
    StorageFull,
)

__all__ = [
    "Database",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseUnavailable",
    "Executor",
    "IntegrityError",
    "InvalidValueError",
    "RevisionError",
    "StorageFull",
    "Transaction",
]
