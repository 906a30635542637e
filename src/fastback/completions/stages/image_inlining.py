"""Image inlining: images go into the messages themselves, as the server cannot reach addresses of this server."""

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
from fastback.completions.turn import Message, Turn
from fastback.features.files import store
from fastback.features.files.access import FileAccess
from fastback.features.files.store import FileSummary
from fastback.kit.db import Database
from fastback.kit.storage import Storage, StorageError
from fastback.retrieval.web.fetcher import WebFetcher

log = logging.getLogger("fastback.completions")

#: Bytes that are encoded at once: a multiple of three, so that the encoded blocks can be joined.
_BLOCK = 768 * 1024
#: The largest image in bytes; no server takes a larger one.
MAX_IMAGE_BYTES = 64 * 1024 * 1024
_CONTENT_URL = re.compile(r"/api/v1/files/([^/?#]+)/content(?:[?#]|$)")
#: Media types of image extensions that the system may not know.
_IMAGE_EXTENSIONS = {
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


class ImageInliningStage:
    """Replace the addresses of images by data URLs."""

    name = "image_inlining"

    def __init__(
        self,
        *,
        db: Database,
        storage: Storage,
        access: FileAccess,
        fetcher: WebFetcher,
        guesses_by_extension: bool = False,
    ) -> None:
        """`guesses_by_extension`: a file's extension gives its media type where nothing else does."""
        self._db = db
        self._storage = storage
        self._access = access
        self._fetcher = fetcher
        self._guesses_by_extension = guesses_by_extension

    async def run(self, turn: Turn) -> None:
        """Inline the images of the conversation.

        An image is a file that the user may read, named by its id or address, or it is on the web. An image that
        cannot be read keeps its address: the server may reach it.
        """
        if turn.is_forwarded:
            return
        messages = turn.messages
        urls = {
            url
            for message in messages
            for part in _list_parts(message)
            if (url := _find_image_url(part)) and not url.startswith("data:image/")
        }
        if not urls:
            return
        data_urls = await self._load_images(urls, turn.user)
        turn.messages = [
            {**message, "content": [_replace_url(part, data_urls) for part in message["content"]]}
            if any(_find_image_url(part) in data_urls for part in _list_parts(message))
            else message
            for message in messages
        ]

    async def _load_images(self, urls: set[str], user: User) -> dict[str, str]:
        """Return the data URLs of the images that can be read, by address."""
        ids = {url: _parse_file_id(url) for url in urls if not url.startswith("http")}
        files = {file.id: file for file in await store.list_files(self._db, list(set(ids.values())))}
        foreign_ids = [file.id for file in files.values() if file.user_id != user.id]
        readable_ids = set(files)
        if not user.is_admin:
            readable_ids = readable_ids - set(foreign_ids) | await self._access.list_accessible_ids(user, foreign_ids)
        data_urls: dict[str, str] = {}
        for url in urls:  # one after the other: each is held in memory whole
            file = files.get(ids.get(url, ""))
            try:
                if url.startswith("http"):
                    data_url = await self._fetch_image(url)
                elif file is not None and file.id in readable_ids:
                    data_url = await self._read_file(file)
                else:
                    continue
            except (StorageError, OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
                log.info("inlining an image failed, its address is sent: %s", error)
                continue
            if data_url is not None:
                data_urls[url] = data_url
        return data_urls

    async def _read_file(self, file: FileSummary) -> str | None:
        path = file.path or ""
        opened = await self._storage.find_file(path)
        if opened is None or opened.size > MAX_IMAGE_BYTES:
            return None
        name = PurePosixPath(path)
        media_type = mimetypes.guess_type(name.name)[0] or (file.meta or {}).get("content_type")
        if not media_type and self._guesses_by_extension:
            media_type = _IMAGE_EXTENSIONS.get(name.suffix.lower())
        if not isinstance(media_type, str) or not media_type:
            return None
        return await _encode_data_url(self._storage.read(path), media_type)

    async def _fetch_image(self, url: str) -> str | None:
        limit = min(self._fetcher.max_file_bytes, MAX_IMAGE_BYTES)
        async with self._fetcher.open_client() as client, self._fetcher.open_url(client, url) as response:
            response.raise_for_status()
            media_type = response.headers.get("content-type", "image/png")
            return await _encode_data_url(_limit_size(response.content.iter_chunked(64 * 1024), limit), media_type)


async def _limit_size(blocks: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    """Yield the blocks.

    Raises:
        ValueError: they are more than `limit` bytes together.
    """
    size = 0
    async for block in blocks:
        size += len(block)
        if size > limit:
            raise ValueError("it is too large")
        yield block


async def _encode_data_url(blocks: AsyncIterable[bytes], media_type: str) -> str:
    """Return a data URL; large images are encoded block by block in a thread, so that the event loop stays free."""
    parts = [f"data:{media_type};base64,"]
    buffer = bytearray()
    async for block in blocks:
        buffer += block
        while len(buffer) >= _BLOCK:
            parts.append(await asyncio.to_thread(_encode_base64, bytes(buffer[:_BLOCK])))
            del buffer[:_BLOCK]
    parts.append(_encode_base64(bytes(buffer)))
    return "".join(parts)


def _encode_base64(block: bytes) -> str:
    return binascii.b2a_base64(block, newline=False).decode("ascii")


def _list_parts(message: Message) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _find_image_url(part: Any) -> str | None:
    """Return the address of an image; None where the part is no image."""
    if not isinstance(part, dict) or part.get("type") not in ("image_url", "input_image"):
        return None
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    return url if isinstance(url, str) and url else None


def _parse_file_id(url: str) -> str:
    match = _CONTENT_URL.match(url)
    return match.group(1) if match else url


def _replace_url(part: Any, data_urls: dict[str, str]) -> Any:
    url = _find_image_url(part)
    if url is None or url not in data_urls:
        return part
    image = part["image_url"]
    if isinstance(image, str):
        return {**part, "image_url": data_urls[url]}
    detail = {"detail": image["detail"]} if image.get("detail") else {}
    return {"type": part["type"], "image_url": {"url": data_urls[url], **detail}}
