"""Connections to an SQLite database, and the statements that run on one of them, in the calling thread."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import apsw
import msgspec

from fastback.kit.db.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnavailable,
    IntegrityError,
    InvalidValueError,
    StorageFull,
)
from fastback.kit.db.statement_timings import record_timing

#: Pragmas of each connection unless the settings choose others. `busy_timeout` is how long a statement waits for
#: another process to release the file (milliseconds).
PRAGMAS = {"busy_timeout": "30000", "synchronous": "NORMAL", "temp_store": "MEMORY", "cache_size": "-4096"}
#: Characters or bytes of a value from which its statement is prepared again the next time, instead of being kept.
LARGEST_KEPT = 256 * 1024
#: What apsw raises for an integer beyond 64 bits, and for half of a surrogate pair.
_UNBINDABLE = (OverflowError, UnicodeEncodeError)
#: Extended codes of I/O errors that a full disk, a quota or a limit on the size of files causes.
_WRITE_FAILURES = frozenset(
    {
        apsw.SQLITE_IOERR_WRITE,
        apsw.SQLITE_IOERR_FSYNC,
        apsw.SQLITE_IOERR_DIR_FSYNC,
        apsw.SQLITE_IOERR_TRUNCATE,
        apsw.SQLITE_IOERR_SHMSIZE,
        apsw.SQLITE_IOERR_SHMMAP,
    }
)


def adapt_parameters(params: dict[str, Any]) -> dict[str, Any]:
    """Replace values that SQLite cannot bind, in place: lists and sets by JSON, dates by ISO 8601.

    NUL characters are removed from texts: SQLite stores them, but its functions take them for the end of a text.
    """
    for name, value in params.items():
        if isinstance(value, str):
            if "\0" in value:
                params[name] = value.replace("\0", "")
        elif isinstance(value, (list, tuple, set, frozenset)):
            params[name] = msgspec.json.encode(value).decode()
        elif isinstance(value, datetime.date):
            params[name] = value.isoformat()
    return params


def is_cacheable(params: dict[str, Any]) -> bool:
    """Return whether a statement may be kept for its next use: it keeps its values, too, which may be megabytes."""
    return not any(isinstance(value, (str, bytes)) and len(value) > LARGEST_KEPT for value in params.values())


def translate_error(error: apsw.Error, name: str) -> DatabaseError:
    """Return the error of `kit.db.errors` for one that the statement `name` raised."""
    text = f"{name}: {error}"
    if isinstance(error, apsw.ConstraintError):
        return IntegrityError(text)
    if isinstance(error, (apsw.MismatchError, apsw.TooBigError)):
        return InvalidValueError(text)
    if isinstance(error, apsw.BusyError):
        return DatabaseBusy(f"{name}: the database is locked by another process")
    if isinstance(error, apsw.FullError) or getattr(error, "extendedresult", 0) in _WRITE_FAILURES:
        return StorageFull(text)
    # The file is on a disk or a share that fails, or there are too many open files.
    return DatabaseUnavailable(text) if isinstance(error, (apsw.IOError, apsw.CantOpenError)) else DatabaseError(text)


def _lower(*arguments: Any) -> Any:
    """Lower-case any letter; SQLite's own function knows only those of ASCII."""
    (text,) = arguments
    return text.lower() if isinstance(text, str) else text


def open_connection(path: str, pragmas: Mapping[str, str], *, wal: bool = False) -> apsw.Connection:
    """Open a connection whose statements do not wait for another one that holds the file.

    With `wal` it switches the write-ahead log on, and the file keeps that setting.

    Raises:
        DatabaseError: the file cannot be opened or used.
    """
    try:
        connection = apsw.Connection(path)
    except apsw.Error as error:
        raise DatabaseError(f"cannot open the SQLite database {path}: {error}") from error
    connection.create_scalar_function("lower", _lower, 1, deterministic=True)
    # Setting the journal mode needs exclusive access for a moment; afterwards no statement waits inside SQLite,
    # because waiting there would block the event loop.
    connection.set_busy_timeout(5000)
    try:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.wal_autocheckpoint(0)
        connection.execute("PRAGMA foreign_keys=OFF")  # as the reference keeps it
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}")
    except apsw.Error as error:
        raise translate_error(error, f"cannot use the SQLite database {path}") from error
    connection.set_busy_timeout(0)
    return connection


class StatementRunner:
    """Run statements on one connection, in the calling thread. `text` is in SQLite's dialect."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def fetch_rows(self, name: str, text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Return every row; `params` are adapted in place.

        Raises:
            DatabaseBusy: another connection holds the file. DatabaseError: the statement fails (see `translate_error`).
        """
        started = perf_counter()
        try:
            params = adapt_parameters(params)
            return self.connection.execute(text, params, can_cache=is_cacheable(params)).fetchall()
        except apsw.Error as error:
            raise translate_error(error, name) from error
        except _UNBINDABLE as error:
            raise InvalidValueError(f"{name}: {error}") from error
        finally:
            record_timing(name, perf_counter() - started)

    def execute(self, name: str, text: str, params: dict[str, Any]) -> int:
        """Run a statement and return the number of rows that it changed. Raises: as `fetch_rows`."""
        self.fetch_rows(name, text, params)
        return self.connection.changes()

    def execute_many(self, name: str, text: str, rows: list[dict[str, Any]]) -> None:
        """Run a statement once for each dict of parameters. Raises: as `fetch_rows`."""
        try:
            rows = [adapt_parameters(dict(row)) for row in rows]
            self.connection.executemany(text, rows, can_cache=all(map(is_cacheable, rows)))
        except apsw.Error as error:
            raise translate_error(error, name) from error
        except _UNBINDABLE as error:
            raise InvalidValueError(f"{name}: {error}") from error
