"""A copy of an SQLite database at one moment, made while other connections write."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import apsw

from fastback.kit.db.database import Database
from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.sqlite import SqliteDatabase
from fastback.kit.db.sqlite_connection import translate_error

#: Pages that are copied at once; between two batches a closing interpreter can stop the copy.
_PAGES_AT_ONCE = 2000


async def copy_database(db: Database, target: Path) -> None:
    """Copy an SQLite database into a new file.

    Raises:
        DatabaseError: the database is not SQLite, or the file cannot be written.
    """
    if not isinstance(db, SqliteDatabase):
        raise DatabaseError("only an SQLite database can be copied")
    await asyncio.to_thread(copy_sqlite_file, db.path, str(target))


def copy_sqlite_file(source: str, target: str) -> None:
    """Copy an SQLite file into a new one, in the calling thread. Raises: as `copy_database`."""
    try:
        with closing(apsw.Connection(source, flags=apsw.SQLITE_OPEN_READONLY)) as source_connection:
            # A read transaction makes the copy consistent while other connections write.
            source_connection.set_busy_timeout(30_000)
            source_connection.execute("BEGIN")
            source_connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            with (
                closing(apsw.Connection(target)) as target_connection,
                target_connection.backup("main", source_connection, "main") as backup,
            ):
                while not backup.done:
                    backup.step(_PAGES_AT_ONCE)
    except apsw.Error as error:
        raise translate_error(error, "the database cannot be copied") from error


def remove_sqlite_file(path: Path) -> None:
    """Remove an SQLite file with what SQLite and `SqliteTableWriter` leave beside it after a crash."""
    for suffix in ("-journal", "-wal", "-shm", ".lock", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def is_file_in_use(path: Path) -> bool:
    """Return whether another connection has an SQLite file open.

    Raises:
        DatabaseError: the file cannot be read.
    """
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE; ROLLBACK")
    except apsw.BusyError:
        return True
    except (apsw.NotADBError, apsw.CorruptError):
        return False  # it may be replaced
    except apsw.Error as error:
        raise translate_error(error, str(path)) from error
    return False
