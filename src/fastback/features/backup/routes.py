"""Routes below `/api/v1/utils/db`: the SQLite database as a file."""

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


#: Size of the chunks that are read and sent (bytes).
CHUNK_BYTES = 256 * 1024


def _open_and_unlink(path: Path) -> BinaryIO:
    """Open the file and delete its name, so that no copy is left over, even after a crash."""
    try:
        return path.open("rb")
    finally:
        path.unlink(missing_ok=True)


async def _iterate_chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


@router.get("/download")
async def download_database(user: AdminUser, db: Database, settings: Settings) -> StreamingResponse:
    """Return a consistent copy of the database. Until it is sent it takes as much disk space as the database."""
    if not settings.enable_admin_export:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    if db.dialect != "sqlite":
        raise BadRequest(messages.DB_NOT_SQLITE)
    from fastback.kit.db.sqlite_copy import copy_database  # not needed with PostgreSQL

    path = settings.data_path / f".download-{uuid.uuid4().hex}.db"

    try:
        await copy_database(db, path)
    except DatabaseError as error:
        path.unlink(missing_ok=True)
        log.error("copying the database failed: %s", error)
        raise HttpError(500, "The database cannot be copied; see the log of the server") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    file = await asyncio.to_thread(_open_and_unlink, path)
    headers = {
        "content-disposition": 'attachment; filename="webui.db"',
        "content-length": str(os.fstat(file.fileno()).st_size),
    }
    return StreamingResponse(_iterate_chunks(file), media_type="application/octet-stream", headers=headers)
