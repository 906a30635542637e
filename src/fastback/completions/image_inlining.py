"""Pictures in a conversation as providers take them: in the message itself, at no address that only we can reach."""

from __future__ import annotations

import asyncio
import binascii
import logging
import mimetypes
import re
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import PurePosixPath
from typing import Any

import aiohttp

from fastback.access.identity import User
from fastback.features.files import store
from fastback.features.files.access import FileAccess
from fastback.features.files.store import FileSummary
from fastback.kit.db import Database
from fastback.kit.storage import Storage, StorageError
from fastback.retrieval.web.fetcher import WebFetcher

log = logging.getLogger("fastback.completions")

Message = dict[str, Any]

#: Bytes that are encoded at once: a multiple of three, so that the pieces can be joined.
_PIECE = 768 * 1024
#: The largest picture in bytes; no provider takes a larger one.
LARGEST = 64 * 1024 * 1024
_CONTENT = re.compile(r"/api/v1/files/([^/?#]+)/content(?:[?#]|$)")
#: Types of pictures whose endings the system may not know.
_ENDINGS = {
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
    ".bmp": "image/bmp",
    ".tiff": "image/tiff",
    ".tif": "image/tiff",
    ".ico": "image/x-icon",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".avif": "image/avif",
}


class Pictures:
    """Puts pictures into messages."""

    def __init__(
        self, *, db: Database, storage: Storage, access: FileAccess, fetching: WebFetcher, guess: bool = False
    ) -> None:
        """With `guess` the ending of a file says what it is where nothing else does."""
        self._db = db
        self._storage = storage
        self._access = access
        self._fetching = fetching
        self._guess = guess

    async def inlined(self, messages: list[Message], user: User) -> list[Message]:
        """The messages with every picture in them as a data URL.

        A picture is a file that the asker may read, by its id or address, or lies somewhere on the web. One that cannot
        be had stays as it is: the provider may reach it.
        """
        wanted = {url for message in messages for part in _parts(message) if (url := _url(part)) and not _is_data(url)}
        if not wanted:
            return messages
        found = await self._found(wanted, user)
        return [
            {**message, "content": [_replaced(part, found) for part in message["content"]]}
            if any(_url(part) in found for part in _parts(message))
            else message
            for message in messages
        ]

    async def _found(self, urls: set[str], user: User) -> dict[str, str]:
        """The data URLs of those that can be had."""
        ids = {url: _file_id(url) for url in urls if not url.startswith("http")}
        files = {file.id: file for file in await store.list_files(self._db, list(set(ids.values())))}
        others = [file.id for file in files.values() if file.user_id != user.id]
        readable = (
            set(files)
            if user.is_admin
            else set(files) - set(others) | await self._access.list_accessible_ids(user, others)
        )
        found: dict[str, str] = {}
        for url in urls:  # one after the other: each is held whole
            file = files.get(ids.get(url, ""))
            try:
                if url.startswith("http"):
                    made = await self._fetched(url)
                elif file is not None and file.id in readable:
                    made = await self._of_file(file)
                else:
                    continue
            except (StorageError, OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
                log.info("a picture cannot be put into a message: %s", error)
                continue
            if made is not None:
                found[url] = made
        return found

    async def _of_file(self, file: FileSummary) -> str | None:
        path = file.path or ""
        opened = await self._storage.find_file(path)
        if opened is None or opened.size > LARGEST:
            return None
        name = PurePosixPath(path)
        kind = mimetypes.guess_type(name.name)[0] or (file.meta or {}).get("content_type")
        if not kind and self._guess:
            kind = _ENDINGS.get(name.suffix.lower())
        return await _encoded(self._storage.read(path), kind) if isinstance(kind, str) and kind else None

    async def _fetched(self, url: str) -> str | None:
        most = min(self._fetching.max_file_bytes, LARGEST)
        async with self._fetching.open_client() as client, self._fetching.open_url(client, url) as response:
            response.raise_for_status()
            kind = response.headers.get("content-type", "image/png")
            return await _encoded(_limited(response.content.iter_chunked(64 * 1024), most), kind)


async def _limited(pieces: AsyncIterable[bytes], most: int) -> AsyncIterator[bytes]:
    """Raises: ValueError, for more bytes than that."""
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > most:
            raise ValueError("it is too large")
        yield piece


async def _encoded(pieces: AsyncIterable[bytes], kind: str) -> str:
    """A data URL; a large picture is encoded beside the event loop, piece by piece."""
    parts = [f"data:{kind};base64,"]
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= _PIECE:
            parts.append(await asyncio.to_thread(_base64, bytes(held[:_PIECE])))
            del held[:_PIECE]
    parts.append(_base64(bytes(held)))
    return "".join(parts)


def _base64(piece: bytes) -> str:
    return binascii.b2a_base64(piece, newline=False).decode("ascii")


def _parts(message: Message) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _url(part: Any) -> str | None:
    """The address of a picture; None of what is none."""
    if not isinstance(part, dict) or part.get("type") not in ("image_url", "input_image"):
        return None
    given = part.get("image_url")
    url = given.get("url") if isinstance(given, dict) else given
    return url if isinstance(url, str) and url else None


def _is_data(url: str) -> bool:
    return url.startswith("data:image/")


def _file_id(url: str) -> str:
    found = _CONTENT.match(url)
    return found.group(1) if found else url


def _replaced(part: Any, found: dict[str, str]) -> Any:
    url = _url(part)
    if url is None or url not in found:
        return part
    given = part["image_url"]
    if isinstance(given, str):
        return {**part, "image_url": found[url]}
    detail = {"detail": given["detail"]} if given.get("detail") else {}
    return {"type": part["type"], "image_url": {"url": found[url], **detail}}
