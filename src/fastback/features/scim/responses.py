"""Responses with the media type of the standard."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.responses import Response

from fastback.features.scim.names import MEDIA_TYPE
from fastback.kit.http.body import encoder

#: A response about more members is encoded in a thread: each takes a microsecond.
_LARGE = 2_000


class ScimResponse(Response):
    """A JSON response of the standard."""

    media_type = MEDIA_TYPE

    def __init__(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        try:
            encoded = content if isinstance(content, bytes) else encoder.encode(content)
        except UnicodeEncodeError:  # half of a surrogate pair, from the request
            encoded = msgspec.json.encode(_replace_surrogates(content))
        super().__init__(encoded, status_code=status, headers=headers)


def _replace_surrogates(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _replace_surrogates(item) for name, item in value.items()}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


async def encode_resources(content: Any, *, size: int, status: int = 200, location: str | None = None) -> ScimResponse:
    """Return the response with resources; `size` is the number of their members, which decides where it is encoded."""
    headers = {"location": location} if location else None
    if size > _LARGE:
        return ScimResponse(await asyncio.to_thread(encoder.encode, content), status, headers)
    return ScimResponse(content, status, headers)
