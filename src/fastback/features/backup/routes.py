"""`/api/v1/utils/db`: the database as a file."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from starlette.responses import StreamingResponse

from fastback import messages
from fastback.access.guards import AdminUser
from fastback.kit.db import Database, DatabaseError
from fastback.kit.http import BadRequest, HttpError, Router, Unauthorized
from fastback.settings import Settings

log = logging.getLogger("fastback.backup")

router = Router("/api/v1/utils/db")


#: Bytes that are read and sent at once.
CHUNK = 256 * 1024


def _opened(path: Path) -> BinaryIO:
    """The file, its name gone already: whatever happens to us, no copy stays behind."""
    try:
        return path.open("rb")
    finally:
        path.unlink(missing_ok=True)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece


@router.get("/download")
async def download(user: AdminUser, db: Database, settings: Settings) -> StreamingResponse:
    """A copy of one moment, made beside the database: it takes as much room on the disk until it is sent."""
    if not settings.enable_admin_export:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    if db.dialect != "sqlite":
        raise BadRequest(messages.DB_NOT_SQLITE)
    from fastback.kit.db.sqlite_copy import copy_database  # not where PostgreSQL is used

    path = settings.data_path / f".download-{uuid.uuid4().hex}.db"

    try:
        await copy_database(db, path)
    except DatabaseError as error:
        path.unlink(missing_ok=True)
        log.error("%s", error)
        raise HttpError(500, "The database cannot be copied; see the log of the server") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    file = await asyncio.to_thread(_opened, path)
    headers = {
        "content-disposition": 'attachment; filename="webui.db"',
        "content-length": str(os.fstat(file.fileno()).st_size),
    }
    return StreamingResponse(_pieces(file), media_type="application/octet-stream", headers=headers)
