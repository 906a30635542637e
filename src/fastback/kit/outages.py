"""Faults outside of the program that end by themselves: a database that does not respond, a disk that is full."""

from __future__ import annotations

import logging

from fastback.kit.db.errors import DatabaseBusy, DatabaseUnavailable, StorageFull
from fastback.kit.disk_errors import is_file_disk_full


def is_disk_full(error: BaseException) -> bool:
    """Return whether a file or a database could not be written because its disk is full."""
    return isinstance(error, StorageFull) or is_file_disk_full(error)


def find_outage(error: BaseException) -> BaseException | None:
    """Return the outage that caused an error: the error itself, or one that it was raised from; None for any other."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DatabaseUnavailable) or is_disk_full(cause):
            return cause
        cause = cause.__cause__
    return None


def choose_log_level(error: BaseException) -> int:
    """Return the level at which to log that an error has ended some work.

    DEBUG where the database has logged once for all that it is unavailable or its disk full, WARNING for other outages.
    """
    outage = find_outage(error)
    if outage is None:
        return logging.ERROR
    is_logged = isinstance(outage, (DatabaseUnavailable, StorageFull)) and not isinstance(outage, DatabaseBusy)
    return logging.DEBUG if is_logged else logging.WARNING
