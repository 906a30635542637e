"""Addresses of files: downloading a file as an upload of the user, and detecting pages."""

from __future__ import annotations

import asyncio
import mimetypes
from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.features.files import store
from fastback.features.files.upload_form import UploadForm
from fastback.features.files.uploads import UploadService
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, HttpError
from fastback.kit.storage import IncomingFile
from fastback.kit.web_guard import BlockedAddress
from fastback.providers.request_context import RequestContext
from fastback.retrieval.web.fetcher import (
    FILE_TIMEOUT,
    TooLarge,
    WebFetcher,
    get_content_type,
    get_filename,
    is_document,
    is_successful,
    is_unnamed_markup,
)

_PAGE_TYPES = ("text/html", "application/xhtml+xml")
#: The first bytes of image formats, with their media types.
_IMAGE_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
)


class UnreachableAddress(Exception):
    """An address cannot be fetched; the message is for the log."""


def detect_image_type(start: bytes) -> str | None:
    """Return the media type of an image by its first bytes, or None if browsers cannot display it."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    image_type = next((mark_type for mark, mark_type in _IMAGE_SIGNATURES if start.startswith(mark)), None)
    return None if image_type == "image/bmp" and len(start) < 26 else image_type


def is_page(response: aiohttp.ClientResponse, start: bytes) -> bool:
    """Return whether a response is a page to read, by its headers, or else by its first bytes."""
    disposition = response.headers.get("content-disposition", "").partition(";")[0].strip().lower()
    if disposition == "attachment":
        return False
    content_type = get_content_type(response)
    if content_type in _PAGE_TYPES:
        return not is_document(response, start)
    return is_unnamed_markup(content_type, start)


class WebFiles:
    """Downloads files and stores them as uploads."""

    def __init__(self, db: Database, fetching: WebFetcher, uploads: UploadService) -> None:
        self._db = db
        self._fetching = fetching
        self._uploads = uploads

    async def fetch_file(self, url: str, user: User, ctx: RequestContext, *, process: bool) -> dict[str, Any] | None:
        """Download the file at an address, store and process it. Return `{"name", "image", "file"}`, or None for a
        page.

        Raises:
            UnreachableAddress: the request failed or is not allowed.
            HttpError: 413 if the file is too large, 400 if its content does not match its type.
        """
        try:
            async with (
                asyncio.timeout(FILE_TIMEOUT),
                self._fetching.open_client() as client,
                self._fetching.open_url(client, url) as response,
            ):
                if not is_successful(response):
                    raise UnreachableAddress(f"{url}: responded with {response.status}")
                start = await self._fetching.read_start(response)
                if is_page(response, start):
                    return None
                return await self._save_file(url, response, start, user, ctx, process=process)
        except TooLarge as error:
            raise HttpError(413, messages.file_too_large(str(error))) from error
        except (BlockedAddress, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableAddress(f"{url}: {error or type(error).__name__}") from error

    async def _save_file(
        self,
        url: str,
        response: aiohttp.ClientResponse,
        start: bytes,
        user: User,
        ctx: RequestContext,
        *,
        process: bool,
    ) -> dict[str, Any]:
        declared_type = get_content_type(response)
        image_type = detect_image_type(start)
        if declared_type.startswith("image/") and image_type is None:
            raise BadRequest(messages.wrap_reason("Invalid image content"))
        name = get_filename(response, url)
        content_type = image_type or declared_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        max_bytes = self._fetching.max_file_bytes
        if (response.content_length or 0) > max_bytes:
            raise TooLarge(f"{max_bytes // 1024**2} MB")
        async with IncomingFile(self._uploads.storage.directory) as spool:
            chunk = start
            while chunk:
                await spool.write(chunk)
                if spool.size > max_bytes:
                    raise TooLarge(f"{max_bytes // 1024**2} MB")
                chunk = await response.content.readany()
            digest = await spool.finish()
            metadata = msgspec.json.encode({"source_url": url}).decode()
            form = UploadForm(name, content_type, spool.path, spool.size, digest, False, {"metadata": metadata})
            upload = await self._uploads.save_upload(
                form, user, ctx, process=process and image_type is None, in_background=False
            )
        row = await store.find_full_file(self._db, upload["id"])
        return {"name": name, "image": image_type is not None, "file": row if row is not None else upload}
