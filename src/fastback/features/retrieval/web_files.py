"""What lies at an address: a page to be read, or a file that is kept as if its user had uploaded it."""

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
from fastback.retrieval.web.fetcher import FILE_SECONDS, Fetching, TooLarge, filename_of

_PAGES = ("text/html", "application/xhtml+xml")
_UNSAID = ("", "application/octet-stream", "binary/octet-stream")
_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml")
#: How pictures begin, with their types.
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
)


class Unreachable(Exception):
    """Nothing can be fetched from an address; the text is for the log."""


def picture(start: bytes) -> str | None:
    """The type of a picture by its first bytes; None where it is none that browsers show."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    found = next((kind for mark, kind in _PICTURES if start.startswith(mark)), None)
    return None if found == "image/bmp" and len(start) < 26 else found


def is_page(response: aiohttp.ClientResponse, start: bytes) -> bool:
    """Whether this is a page to be read, by what the server says of it, or else by how it begins."""
    disposition = response.headers.get("content-disposition", "").partition(";")[0].strip().lower()
    if disposition == "attachment":
        return False
    kind = _kind(response)
    if kind in _PAGES:
        return True
    sample = start[:4096].lstrip().lower()
    return kind in _UNSAID and (sample.startswith(_MARKUP) or b"<html" in sample[:1024])


def _kind(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


class WebFiles:
    """Fetches files and keeps them."""

    def __init__(self, db: Database, fetching: Fetching, uploads: UploadService) -> None:
        self._db = db
        self._fetching = fetching
        self._uploads = uploads

    async def keep(self, url: str, user: User, ctx: RequestContext, *, process: bool) -> dict[str, Any] | None:
        """The file at an address, kept and read: `{"name", "image", "file"}`. None: it is a page.

        Raises:
            Unreachable: nothing can be fetched there, or nothing may be.
            HttpError: 413 for a file that is too large, 400 for one that is not what it says.
        """
        try:
            async with (
                asyncio.timeout(FILE_SECONDS),
                self._fetching.client() as client,
                self._fetching.opened(client, url) as response,
            ):
                response.raise_for_status()
                start = await response.content.readany()
                if is_page(response, start):
                    return None
                return await self._kept(url, response, start, user, ctx, process=process)
        except TooLarge as error:
            raise HttpError(413, messages.file_too_large(str(error))) from error
        except (BlockedAddress, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{url}: {error or type(error).__name__}") from error

    async def _kept(
        self,
        url: str,
        response: aiohttp.ClientResponse,
        start: bytes,
        user: User,
        ctx: RequestContext,
        *,
        process: bool,
    ) -> dict[str, Any]:
        said = _kind(response)
        shown = picture(start)
        if said.startswith("image/") and shown is None:
            raise BadRequest(messages.wrap_reason("Invalid image content"))
        name = filename_of(response, url)
        kind = shown or said or mimetypes.guess_type(name)[0] or "application/octet-stream"
        most = self._fetching.largest
        if (response.content_length or 0) > most:
            raise TooLarge(f"{most // 1024**2} MB")
        async with IncomingFile(self._uploads.storage.directory) as spool:
            piece = start
            while piece:
                await spool.write(piece)
                if spool.size > most:
                    raise TooLarge(f"{most // 1024**2} MB")
                piece = await response.content.readany()
            digest = await spool.finish()
            metadata = msgspec.json.encode({"source_url": url}).decode()
            form = UploadForm(name, kind, spool.path, spool.size, digest, False, {"metadata": metadata})
            taken = await self._uploads.save_upload(
                form, user, ctx, process=process and shown is None, in_background=False
            )
        row = await store.find_full_file(self._db, taken["id"])
        return {"name": name, "image": shown is not None, "file": row if row is not None else taken}
