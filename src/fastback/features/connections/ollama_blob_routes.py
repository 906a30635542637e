"""Routes that create an Ollama model from a file: downloaded from a model hub, or uploaded."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fastback.access.guards import AdminUser
from fastback.access.identity import User
from fastback.features.connections import ollama_blobs
from fastback.features.connections.forwarding import RequestForwarder, get_connection
from fastback.features.connections.ollama_blobs import BlobError, encode_event
from fastback.kit.http import BadRequest, FormField, Invalid, Router
from fastback.kit.http.multipart import parse_form
from fastback.providers import openai
from fastback.providers.connections import Connection
from fastback.providers.request_context import build_request_context

router = Router("/ollama/models")

_ALLOWED_SOURCES = ("https://huggingface.co/", "https://github.com/")


class UrlForm(msgspec.Struct):
    url: str


def _temporary_path(forwarding: RequestForwarder, name: str) -> Path:
    """Return a path for a file in transit; it is unique, so that two transfers at once do not collide."""
    return forwarding.settings.upload_path / f"{uuid.uuid4()}_{name}"


def _build_headers(
    connection: Connection, user: User, request: Request, forwarding: RequestForwarder
) -> dict[str, str]:
    return openai.build_request_headers(connection, build_request_context(request, user), forwarding.settings)


@router.post("/download", "/download/{url_idx}")
async def download_model_file(
    data: UrlForm, request: Request, user: AdminUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Response | None:
    """Download a model file and create an Ollama model from it; stream the progress."""
    if not data.url.startswith(_ALLOWED_SOURCES):
        raise BadRequest("Invalid file_url. Only URLs from allowed hosts are permitted.")
    connection = get_connection(forwarding.ollama_connections(), url_idx or 0)
    name = PurePosixPath(unquote(urlsplit(data.url).path)).name
    if not name:
        return None
    headers = _build_headers(connection, user, request, forwarding)
    return StreamingResponse(_stream_download(forwarding, connection, headers, data.url, name))


async def _stream_download(
    forwarding: RequestForwarder, connection: Connection, headers: dict[str, str], url: str, name: str
) -> AsyncIterator[bytes]:
    """Download the file, create the model, and yield progress events."""
    path = _temporary_path(forwarding, name)
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        async with forwarding.client.get(url, timeout=aiohttp.ClientTimeout(sock_read=60)) as response:
            response.raise_for_status()
            total = response.content_length or 0
            received = 0
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(ollama_blobs.CHUNK):
                    await asyncio.to_thread(file.write, chunk)
                    received += len(chunk)
                    progress = round(received / (total or received) * 100, 2)
                    yield encode_event({"progress": progress, "completed": received, "total": total})
        yield await ollama_blobs.create_model(forwarding.client, connection.url, headers, path, name)
        forwarding.registry.refresh_soon()
    except (BlobError, aiohttp.ClientError, OSError) as error:
        yield encode_event({"error": str(error)})
    finally:
        path.unlink(missing_ok=True)


@router.post("/upload", "/upload/{url_idx}", form=(FormField("file", "file"),))
async def upload_model_file(
    request: Request, user: AdminUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Response:
    """Receive a model file and create an Ollama model from it; stream the progress."""
    connection = get_connection(forwarding.ollama_connections(), url_idx or 0)
    form = await parse_form(request)
    file: Any = form.get("file")
    if not isinstance(file, UploadFile):
        raise Invalid.at(["body", "file"], "Field required", kind="missing")
    name = PurePosixPath((file.filename or "model").replace("\\", "/")).name
    path = _temporary_path(forwarding, name)
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    with path.open("wb") as target:
        while chunk := await file.read(ollama_blobs.CHUNK):
            await asyncio.to_thread(target.write, chunk)
    await form.close()
    headers = _build_headers(connection, user, request, forwarding)
    return StreamingResponse(
        _stream_creation(forwarding, connection, headers, path, name), media_type="text/event-stream"
    )


async def _stream_creation(
    forwarding: RequestForwarder, connection: Connection, headers: dict[str, str], path: Path, name: str
) -> AsyncIterator[bytes]:
    """Create the model from a received file, and yield progress events."""
    try:
        total = (await asyncio.to_thread(path.stat)).st_size
        yield encode_event({"progress": 100.0, "total": total, "completed": total})
        yield await ollama_blobs.create_model(forwarding.client, connection.url, headers, path, name)
        forwarding.registry.refresh_soon()
    except (BlobError, OSError) as error:
        yield encode_event({"error": str(error)})
    finally:
        path.unlink(missing_ok=True)
