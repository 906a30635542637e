"""One interface to SQLite and PostgreSQL: named statements in, structs out."""

from fastback.kit.db.database import Database, Executor, Transaction
from fastback.kit.db.errors import DatabaseError, IntegrityError, RevisionError

__all__ = ["Database", "DatabaseError", "Executor", "IntegrityError", "RevisionError", "Transaction"]
