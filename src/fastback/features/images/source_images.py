"""The images that a user wants edited: read from files, from the web, or from the request itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp

from fastback import messages
from fastback.access.identity import User
from fastback.features.files.service import FileService
from fastback.kit.http import BadRequest, NotFound
from fastback.kit.storage import StorageError
from fastback.media.images.pictures import MAX_PICTURE_BYTES, InvalidPicture, Picture, build_picture, decode_picture
from fastback.providers.response_body import read_response
from fastback.retrieval.web.fetcher import WebFetcher

log = logging.getLogger("fastback.images")

#: Images of one request, the bytes of all together, and the seconds in which they are loaded.
MAX_IMAGES, MAX_TOTAL_BYTES, LOADING_SECONDS = 16, 100 * 1024 * 1024, 120.0
_FILES = "/api/v1/files/"


class SourceImages:
    """Load images that a request names."""

    def __init__(self, files: FileService, fetcher: WebFetcher) -> None:
        self._files = files
        self._fetcher = fetcher

    async def load_images(self, references: Sequence[str], user: User) -> list[Picture]:
        """Return images, named by data URLs, addresses on the web, and ids or addresses of files.

        Raises:
            NotFound: there is no such file, or the user may not read it.
            BadRequest: one is no image, cannot be loaded, or they are too many or too large.
        """
        if not 0 < len(references) <= MAX_IMAGES:
            raise BadRequest(messages.wrap_reason(f"Between 1 and {MAX_IMAGES} images can be edited together"))
        pictures: list[Picture] = []
        try:
            async with asyncio.timeout(LOADING_SECONDS):
                for reference in references:  # one after the other: each is held in memory
                    pictures.append(await self._load_image(reference, user))
                    if sum(len(picture.content) for picture in pictures) > MAX_TOTAL_BYTES:
                        raise InvalidPicture("they are too large together")
        except (InvalidPicture, StorageError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.info("loading an image to edit failed: %s", str(error) or type(error).__name__)
            raise BadRequest(messages.wrap_reason("Error loading image")) from error
        return pictures

    async def _load_image(self, reference: str, user: User) -> Picture:
        if reference.startswith("data:"):
            return await decode_picture(reference)
        if reference.startswith(("http://", "https://")):
            path = urlsplit(reference).path
            if not (path.startswith(_FILES) and "/content" in path):
                return await self._fetch_image(reference)
            reference = path  # the page names files of this server so
        file_id = reference.removeprefix(_FILES).partition("/content")[0]
        return await self._read_file(file_id, user)

    async def _read_file(self, file_id: str, user: User) -> Picture:
        file = await self._files.get_file(file_id, user)
        if not file.path:
            raise NotFound("Original file is unavailable.")
        storage = self._files.storage
        opened = await storage.find_file(file.path)
        if opened is None:
            raise NotFound()
        if opened.size > MAX_PICTURE_BYTES:
            raise InvalidPicture(f"file {file_id} has {opened.size} bytes")
        content = b"".join([block async for block in storage.read(file.path)])
        return build_picture(content, str((file.meta or {}).get("content_type") or ""))

    async def _fetch_image(self, url: str) -> Picture:
        limit = min(self._fetcher.max_file_bytes, MAX_PICTURE_BYTES)
        async with self._fetcher.open_client() as client, self._fetcher.open_url(client, url) as response:
            response.raise_for_status()
            content = await read_response(response, limit)
            return build_picture(content, response.headers.get("content-type", ""))
