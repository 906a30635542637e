"""`/api/v1/files/{id}/…`: what is in a file, its bytes and its text, and how far the reading of it has come."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.files import store, text_files
from fastback.features.files.processing import Processing
from fastback.features.files.schemas import ContentForm
from fastback.features.files.service import Files
from fastback.features.files.store import Brief
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.kit.http.range_response import RangedResponse
from fastback.kit.http.stream import Stream
from fastback.kit.storage import StorageError
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/files/{file_id}")

_UNREADABLE = messages.default("Error getting file content")


@router.get("/process/status")
async def status(
    file_id: str, user: VerifiedUser, files: Files, processing: Processing, stream: bool = False
) -> dict[str, Any] | Stream:
    await files.found(file_id, user)
    if stream:
        return Stream(_events(processing, file_id), "text/event-stream; charset=utf-8")
    found = await processing.status(file_id)
    return {"status": (found.status if found else None) or "pending"}


async def _events(processing: Processing, file_id: str) -> AsyncIterator[bytes]:
    async for event in processing.progress(file_id):
        yield b"data: " + msgspec.json.encode(event) + b"\n\n"


@router.get("/data/content")
async def text(file_id: str, user: VerifiedUser, files: Files) -> dict[str, Any]:
    await files.found(file_id, user)
    return {"content": await store.content_json(files.db, file_id)}


@router.post("/data/content/update")
async def set_text(
    request: Request, file_id: str, data: ContentForm, user: VerifiedUser, files: Files
) -> dict[str, Any]:
    file = await files.found(file_id, user, "write")
    return {"content": await files.set_content(file, data.content, user, build_request_context(request, user))}


async def _response(files: Files, file: Brief, headers: dict[str, str], kind: str | None) -> Response | None:
    """The bytes of a file, or None where they are gone; its media type is told by its name where nobody says it.

    Raises:
        BadRequest: they cannot be had.
    """
    path = file.path or ""
    try:
        opened = await files.storage.open(path)
    except StorageError as error:
        raise BadRequest(_UNREADABLE) from error
    if opened is None:
        return None
    if opened.local is not None:
        return FileResponse(opened.local, headers=headers, media_type=kind)
    return RangedResponse(
        lambda start, stop: files.storage.read(path, start, stop),
        size=opened.size,
        modified=opened.modified,
        etag=opened.etag,
        media_type=kind or mimetypes.guess_type(PurePosixPath(path).name)[0] or "application/octet-stream",
        headers=headers,
    )


def _name(file: Brief) -> str:
    found = (file.meta or {}).get("name", file.filename)
    return found if isinstance(found, str) else file.filename


def _disposition(how: str, name: str) -> dict[str, str]:
    return {"Content-Disposition": f"{how}; filename*=UTF-8''{quote(name)}"}


@router.get("/content")
async def content(file_id: str, user: VerifiedUser, files: Files, attachment: bool = False) -> Response:
    """The bytes; a browser shows PDFs and plain texts itself, unless they are asked for as an attachment."""
    file = await files.found(file_id, user)
    if not file.path:
        raise NotFound("Original file is unavailable.")
    name, kind = _name(file), (file.meta or {}).get("content_type")
    kind = kind if isinstance(kind, str) else None
    headers: dict[str, str] = {}
    if attachment:
        headers = _disposition("attachment", name)
    elif kind == "application/pdf" or name.lower().endswith(".pdf"):
        headers, kind = _disposition("inline", name), "application/pdf"
    elif kind != "text/plain":
        headers = _disposition("attachment", name)
    found = await _response(files, file, headers, kind)
    if found is None:
        raise NotFound()
    return found


@router.get("/content/html")
async def page(file_id: str, user: VerifiedUser, files: Files) -> Response:
    """A page, shown as one: of administrators alone, whose pages may do what they may."""
    file = await store.brief(files.db, file_id)
    if file is None or not await store.is_of_admin(files.db, file_id):
        raise NotFound()
    if not await files.access.may(user, file, "read"):
        raise NotFound()
    if not file.path:
        raise BadRequest(_UNREADABLE)
    found = await _response(files, file, {}, None)
    if found is None:
        raise NotFound()
    return found


@router.get("/content/{file_name}")
async def download(file_id: str, file_name: str, user: VerifiedUser, files: Files) -> Response:
    """The bytes as an attachment; where they are gone, the text that was read from them."""
    file = await files.found(file_id, user)
    headers = _disposition("attachment", _name(file))
    found = await _response(files, file, headers, None) if file.path else None
    if found is not None:
        return found
    kept = await store.content(files.db, file_id) or ""
    return Stream(_pieces(kept), "text/plain; charset=utf-8", headers)


async def _pieces(text: str) -> AsyncIterator[bytes]:
    for piece in text_files.encoded(text):
        yield piece
