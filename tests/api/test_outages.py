"""Outages: what clients are told while the database does not respond or a disk is full, and what the log says."""

from __future__ import annotations

import errno
import logging
import sys
from typing import Any

import pytest

from conftest import Person, Server
from fastback.access import credential_store
from fastback.access.identity import IdentityResolver
from fastback.kit import log as logs
from fastback.kit.db import Database, DatabaseBusy, DatabaseError, DatabaseUnavailable, StorageFull
from fastback.kit.http import BadRequest

UNAVAILABLE = "The database is unavailable. Please try again in a moment."
BUSY = "The database is busy. Please try again in a moment."
FULL = "The disk of the server is full: nothing was saved. Please contact your administrator."


def _chain(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (DatabaseUnavailable("connection refused"), 503, UNAVAILABLE),
        (DatabaseBusy("locked"), 503, BUSY),
        (StorageFull("database or disk is full"), 507, FULL),
        (OSError(errno.ENOSPC, "No space left on device"), 507, FULL),
        (_chain(BadRequest("Error uploading file"), StorageFull("full")), 507, FULL),
        (_chain(BadRequest("Error uploading file"), DatabaseUnavailable("connection refused")), 503, UNAVAILABLE),
        (_chain(DatabaseError("side file"), OSError(errno.EDQUOT, "Disk quota exceeded")), 507, FULL),
        (DatabaseError("syntax error"), 500, "Internal Server Error"),
        (OSError(errno.EACCES, "Permission denied"), 500, "Internal Server Error"),
        (_chain(BadRequest("Error uploading file"), DatabaseError("syntax error")), 400, "Error uploading file"),
    ],
)
async def test_outages_become_responses_in_one_place(
    server: Server,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    detail: str,
) -> None:
    async def fail(*_arguments: Any, **_params: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(type(server.services.get(Database)), "fetch_all", fail)
        caplog.clear()
        response = await ada.get("/api/v1/folders/")
    response.refused(status, detail)
    assert response.headers.get("Retry-After") == ("2" if status == 503 else None)
    tracebacks = [record for record in caplog.records if record.exc_info and record.levelno >= logging.WARNING]
    assert bool(tracebacks) == (status == 500)


@pytest.mark.parametrize("formatter", [logs.TextFormatter(colour=False), logs.JsonFormatter()])
def test_the_log_has_one_line_for_an_error_that_an_outage_caused(formatter: logging.Formatter) -> None:
    def format_error(error: Exception) -> str:
        try:
            raise error
        except Exception:
            exc_info = sys.exc_info()
        return formatter.format(logging.LogRecord("fastback", logging.ERROR, "", 0, "it failed", (), exc_info))

    assert "it failed: connection refused" in format_error(DatabaseUnavailable("connection refused"))
    assert "Traceback" not in format_error(DatabaseUnavailable("connection refused"))
    assert "Traceback" in format_error(DatabaseError("syntax error"))


async def test_the_time_of_the_last_activity_is_stored_after_an_outage(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: Any, **_params: Any) -> Any:
        raise DatabaseUnavailable("connection refused")

    db, identities = server.services.get(Database), server.services.get(IdentityResolver)
    await db.execute("tests.forget", 'UPDATE "user" SET last_active_at = 0')
    (await ada.get("/api/v1/folders/")).ok()
    with monkeypatch.context() as patch:
        patch.setattr(credential_store, "save_last_active", fail)
        with pytest.raises(DatabaseUnavailable):
            await identities.save_last_seen()
    await identities.save_last_seen()
    assert await db.fetch_value("tests.seen", 'SELECT last_active_at FROM "user"') > 0
