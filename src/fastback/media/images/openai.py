"""OpenAI's image API, and servers that speak it: `/images/generations` and `/images/edits`."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from fastback.media.images.engine_requests import EngineRequests, ImageEngineError
from fastback.media.images.pictures import (
    EncodedPicture,
    EngineResult,
    Picture,
    PictureSource,
    RemotePicture,
    get_extension,
)

Json = dict[str, Any]


class OpenAIImages:
    """A server with OpenAI's image API."""

    def __init__(
        self,
        requests: EngineRequests,
        *,
        base_url: str,
        key: str,
        api_version: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`api_version`: the version of Azure's API; `headers` go along with every request."""
        self._requests = requests
        self._base_url = base_url
        self._query = f"?api-version={api_version}" if api_version else ""
        self._headers = {"Authorization": f"Bearer {key}", **(headers or {})}

    async def generate_images(self, body: Json) -> EngineResult:
        """Return the pictures for a request: `model`, `prompt`, `n`, `size`, `response_format`, and others.

        Raises:
            ImageEngineError: the server failed, or returned no picture.
        """
        url = f"{self._base_url}/images/generations{self._query}"
        response = await self._requests.send_json(url, body, self._headers)
        return EngineResult(self._list_pictures(response), body)

    async def edit_images(self, fields: Json, pictures: Sequence[Picture], *, is_list: bool) -> EngineResult:
        """Return the pictures that the server makes of others. With `is_list` they are sent as a list, also one alone.

        Raises:
            ImageEngineError: the server failed, or returned no picture.
        """
        form = aiohttp.FormData()
        for name, value in fields.items():
            form.add_field(name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for picture in pictures:
            form.add_field(
                "image[]" if is_list else "image",
                io.BytesIO(picture.content),
                filename=f"{uuid.uuid4()}{get_extension(picture.media_type)}",
                content_type=picture.media_type,
            )
        url = f"{self._base_url}/images/edits{self._query}"
        response = await self._requests.send_form(url, form, self._headers)
        return EngineResult(self._list_pictures(response), fields)

    def _list_pictures(self, response: Any) -> list[PictureSource]:
        """Return the pictures of a response.

        Raises:
            ImageEngineError: it has none.
        """
        entries = response.get("data") if isinstance(response, dict) else None
        pictures: list[PictureSource] = []
        for entry in entries if isinstance(entries, list) else []:
            url, encoded = (entry.get("url"), entry.get("b64_json")) if isinstance(entry, dict) else (None, None)
            if isinstance(url, str) and url.startswith(("http://", "https://")):
                pictures.append(RemotePicture(url, self._base_url, self._headers))
            elif isinstance(url, str) and url.startswith("data:"):
                pictures.append(EncodedPicture(url))
            elif isinstance(encoded, str) and encoded:
                pictures.append(EncodedPicture(encoded))
        if not pictures:
            raise ImageEngineError("The image engine returned no image")
        return pictures
