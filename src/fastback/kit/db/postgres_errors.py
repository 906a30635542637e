"""Errors of asyncpg, translated to those of `kit.db.errors`."""

from __future__ import annotations

import asyncpg

from fastback.kit.db.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnavailable,
    IntegrityError,
    InvalidValueError,
    StorageFull,
)

#: What a statement or a new connection can raise.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
#: The server ends the connection, or cannot be reached.
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
)
#: The server responds, but cannot run the statement now. A read-only server has become a standby.
_BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.OutOfMemoryError,
    asyncpg.ReadOnlySQLTransactionError,
)


def is_connection_lost(error: Exception) -> bool:
    """Return whether an error says that the server ended the connection, or accepts none for now."""
    return isinstance(error, _LOST)


def is_unsent(error: Exception) -> bool:
    """Return whether a statement that found its connection lost was not even sent.

    The driver refuses it after the server has said farewell (`InternalClientError`) or closed the connection.
    """
    return isinstance(error, (asyncpg.InternalClientError, asyncpg.InterfaceError))


def translate_error(error: Exception, name: str, *, is_lost: bool = False) -> DatabaseError:
    """Return the error of `kit.db.errors` for one that the statement `name` raised.

    `is_lost` says that the connection ended with it.
    """
    text = f"{name}: {error}"
    if is_lost:
        return DatabaseUnavailable(f"{name}: {describe_error(error)}")
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return IntegrityError(text)
    if isinstance(error, (asyncpg.DataError, asyncpg.ProgramLimitExceededError)):
        return InvalidValueError(text)
    if isinstance(error, asyncpg.DiskFullError):
        return StorageFull(text)
    return DatabaseBusy(text) if isinstance(error, _BUSY) else DatabaseError(text)


def describe_error(error: Exception) -> str:
    """Return the text of an error for the log; a timeout has none, and that of the driver itself explains nothing."""
    if isinstance(error, asyncpg.InternalClientError):
        return "the server has closed the connection"
    return str(error) or type(error).__name__
