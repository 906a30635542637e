"""The bytes of a request's body, up to a limit."""

from __future__ import annotations

import msgspec
from starlette.requests import Request

from fastback.kit.fragment_lists import join_fragments
from fastback.kit.http.errors import HttpError
from fastback.kit.http.headers import find_header

_MEGABYTE = 1024 * 1024


class BodyLimits(msgspec.Struct, frozen=True):
    """The largest bodies in bytes.

    Attributes:
        anonymous: of callers without an identity.
        ordinary: of most operations.
        content: of operations that take chats, images or imports (`Router(…, takes_content=True)`).
    """

    anonymous: int = _MEGABYTE
    ordinary: int = 4 * _MEGABYTE
    content: int = 128 * _MEGABYTE

    def choose_limit(self, *, is_anonymous: bool, takes_content: bool) -> int:
        """Return the limit of an operation."""
        if is_anonymous:
            return min(self.anonymous, self.ordinary)
        return max(self.content, self.ordinary) if takes_content else self.ordinary


async def read_body(request: Request, limit: int, *, is_text: bool = False) -> bytes:
    """Read the body; `request.body()` returns it from then on.

    A large body that `is_text` is returned without the blanks before its first character. They are left out while they
    arrive, so that megabytes of them are neither held nor searched.

    Raises:
        HttpError: 413 for more than `limit` bytes, before the body is read if the request gives its length.
    """
    length = find_header(request, b"content-length")
    if length is not None:
        if int(length) > limit:
            raise _build_refusal(limit)
        if int(length) <= _MEGABYTE:
            return await request.body()
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _build_refusal(limit)
        if is_text and not parts and _is_blank(part):
            continue
        parts.append(part)
    if size and not parts:
        parts.append(b" ")  # blanks are no JSON; nothing at all is no body
    request._body = await join_fragments(parts)
    return request._body


def _is_blank(part: bytes) -> bool:
    """Return whether there are only characters that JSON ignores."""
    return part.isspace() and b"\v" not in part and b"\f" not in part


def _build_refusal(limit: int) -> HttpError:
    # The rest of the body is not read, so the connection cannot be used again.
    return HttpError(413, f"Request body is too large: {limit} bytes at most", {"connection": "close"})
