"""`/api/v1/utils/db`: the database as a file."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from fastback import messages
from fastback.access.guards import AdminUser
from fastback.kit.db import Database, DatabaseError
from fastback.kit.http import BadRequest, HttpError, Router, Unauthorized
from fastback.settings import Settings

log = logging.getLogger("fastback.backup")

router = Router("/api/v1/utils/db")


class _Passing(FileResponse):
    """A file that is deleted when it is sent, or when nobody waits for its end any more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            Path(self.path).unlink(missing_ok=True)


@router.get("/download")
async def download(user: AdminUser, db: Database, settings: Settings) -> FileResponse:
    """A copy of one moment, made beside the database: it takes as much room on the disk until it is sent."""
    if not settings.enable_admin_export:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    if db.dialect != "sqlite":
        raise BadRequest(messages.DB_NOT_SQLITE)
    from fastback.kit.db.copy import copy_to  # not where PostgreSQL is used

    path = settings.data_path / f".download-{uuid.uuid4().hex}.db"

    try:
        await copy_to(db, path)
    except DatabaseError as error:
        path.unlink(missing_ok=True)
        log.error("%s", error)
        raise HttpError(500, "The database cannot be copied; see the log of the server") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return _Passing(path, media_type="application/octet-stream", filename="webui.db")
