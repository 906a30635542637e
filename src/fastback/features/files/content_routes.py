"""`/api/v1/files/{id}/…`: the bytes and the text of a file, and its processing status."""

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
from fastback.features.files.progress import ProgressBoard
from fastback.features.files.schemas import ContentForm
from fastback.features.files.service import FileService
from fastback.features.files.store import FileSummary
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.kit.http.range_response import RangedResponse
from fastback.kit.http.streaming_response import StreamResponse
from fastback.kit.storage import StorageError
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/files/{file_id}")

_CONTENT_ERROR = messages.wrap_reason("Error getting file content")


@router.get("/process/status")
async def get_processing_status(
    file_id: str, user: VerifiedUser, files: FileService, board: ProgressBoard, stream: bool = False
) -> dict[str, Any] | StreamResponse:
    await files.get_file(file_id, user)
    if stream:
        return StreamResponse(_stream_progress(board, file_id), "text/event-stream; charset=utf-8")
    status = await board.find_status(file_id)
    return {"status": (status.status if status else None) or "pending"}


async def _stream_progress(board: ProgressBoard, file_id: str) -> AsyncIterator[bytes]:
    async for event in board.watch_file(file_id):
        yield b"data: " + msgspec.json.encode(event) + b"\n\n"


@router.get("/data/content")
async def get_text(file_id: str, user: VerifiedUser, files: FileService) -> dict[str, Any]:
    await files.get_file(file_id, user)
    return {"content": await store.get_text_json(files.db, file_id)}


@router.post("/data/content/update", takes_content=True)
async def update_text(
    request: Request, file_id: str, data: ContentForm, user: VerifiedUser, files: FileService
) -> dict[str, Any]:
    file = await files.get_file(file_id, user, "write")
    return {"content": await files.update_text(file, data.content, user, build_request_context(request, user))}


async def _build_response(
    files: FileService, file: FileSummary, headers: dict[str, str], content_type: str | None
) -> Response | None:
    """Return a response with the bytes of a file, or None if the storage has lost them.

    Without a media type the name decides it.

    Raises:
        BadRequest: the storage failed.
    """
    path = file.path or ""
    try:
        opened = await files.storage.find_file(path)
    except StorageError as error:
        raise BadRequest(_CONTENT_ERROR) from error
    if opened is None:
        return None
    if opened.local is not None:
        return FileResponse(opened.local, headers=headers, media_type=content_type)
    return RangedResponse(
        lambda start, stop: files.storage.read(path, start, stop),
        size=opened.size,
        modified=opened.modified,
        etag=opened.etag,
        media_type=content_type or mimetypes.guess_type(PurePosixPath(path).name)[0] or "application/octet-stream",
        headers=headers,
    )


def _get_display_name(file: FileSummary) -> str:
    name = (file.meta or {}).get("name", file.filename)
    return name if isinstance(name, str) else file.filename


def _build_disposition(disposition: str, name: str) -> dict[str, str]:
    return {"Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name)}"}


@router.get("/content")
async def get_content(file_id: str, user: VerifiedUser, files: FileService, attachment: bool = False) -> Response:
    """Return the bytes of a file. Browsers display PDFs and plain texts unless `attachment` is set."""
    file = await files.get_file(file_id, user)
    if not file.path:
        raise NotFound("Original file is unavailable.")
    name, content_type = _get_display_name(file), (file.meta or {}).get("content_type")
    content_type = content_type if isinstance(content_type, str) else None
    headers: dict[str, str] = {}
    if attachment:
        headers = _build_disposition("attachment", name)
    elif content_type == "application/pdf" or name.lower().endswith(".pdf"):
        headers, content_type = _build_disposition("inline", name), "application/pdf"
    elif content_type != "text/plain":
        headers = _build_disposition("attachment", name)
    response = await _build_response(files, file, headers, content_type)
    if response is None:
        raise NotFound()
    return response


@router.get("/content/html")
async def get_html_content(file_id: str, user: VerifiedUser, files: FileService) -> Response:
    """Return an HTML file for display as a page, if an administrator owns it: its scripts act as the viewer."""
    file = await store.find_file(files.db, file_id)
    if file is None or not await store.is_owned_by_admin(files.db, file_id):
        raise NotFound()
    if not await files.access.can_access(user, file, "read"):
        raise NotFound()
    if not file.path:
        raise BadRequest(_CONTENT_ERROR)
    response = await _build_response(files, file, {}, None)
    if response is None:
        raise NotFound()
    return response


@router.get("/content/{file_name}")
async def download_file(file_id: str, file_name: str, user: VerifiedUser, files: FileService) -> Response:
    """Return the bytes of a file as an attachment, or its extracted text if the bytes are lost."""
    file = await files.get_file(file_id, user)
    headers = _build_disposition("attachment", _get_display_name(file))
    response = await _build_response(files, file, headers, None) if file.path else None
    if response is not None:
        return response
    text = await store.find_text(files.db, file_id) or ""
    return StreamResponse(_stream_text(text), "text/plain; charset=utf-8", headers)


async def _stream_text(text: str) -> AsyncIterator[bytes]:
    for piece in text_files.encode_pieces(text):
        yield piece
