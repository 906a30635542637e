"""The one place where outages become responses: 503 without a database, 507 without space on the disk.

A queue of jobs that is full counts as one: 503.
"""

from __future__ import annotations

import logging

from fastback.kit.db.errors import DatabaseBusy
from fastback.kit.http.errors import HttpError, InsufficientStorage, ServiceUnavailable
from fastback.kit.outages import choose_log_level, find_outage, is_disk_full
from fastback.kit.workers.errors import PoolBusy

log = logging.getLogger("fastback.http")

_UNAVAILABLE = "The database is unavailable. Please try again in a moment."
_BUSY = "The database is busy. Please try again in a moment."
_OVERLOADED = "The server is busy. Please try again in a moment."
_FULL = "The disk of the server is full: nothing was saved. Please contact your administrator."


def find_outage_response(error: BaseException, request: str) -> HttpError | None:
    """Return the response to an error that an outage caused, and log it on one line; None for any other error.

    `request` is its method and path. A handler may have raised an `HttpError` of its own from the outage: unless that
    is a `ServiceUnavailable`, it would blame the request.
    """
    if isinstance(error, ServiceUnavailable):
        return None
    outage = find_outage(error)
    if outage is None:
        return ServiceUnavailable(_OVERLOADED) if _is_overloaded(error) else None
    log.log(choose_log_level(outage), "%s failed: %s", request, outage)
    if is_disk_full(outage):
        return InsufficientStorage(_FULL)
    return ServiceUnavailable(_BUSY if isinstance(outage, DatabaseBusy) else _UNAVAILABLE)


def _is_overloaded(error: BaseException) -> bool:
    """Return whether an error comes from a queue of jobs that is full."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PoolBusy):
            return True
        cause = cause.__cause__
    return False
