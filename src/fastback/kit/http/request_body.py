"""The bytes of a request's body, up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from fastback.kit.fragment_lists import join_fragments
from fastback.kit.http.errors import HttpError
from fastback.kit.http.fragments import FragmentedBytes
from fastback.kit.http.headers import find_header
from fastback.kit.json_pieces import are_fragments_quick

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


F = TypeVar("F", bound=Callable[..., Any])

_handlers_that_read_again: set[Callable[..., Any]] = set()


def keep_body(handler: F) -> F:
    """Decorate a handler that calls `request.body()` although it declares a body, which may be large."""
    _handlers_that_read_again.add(handler)
    return handler


def keeps_body(handler: Callable[..., Any]) -> bool:
    """Return whether a handler is decorated with `keep_body`."""
    return handler in _handlers_that_read_again


async def read_body(request: Request, limit: int, *, is_text: bool = False) -> bytes:
    """Read the body; `request.body()` returns it from then on.

    A large body that `is_text` is returned without the blanks before its first character. They are left out while they
    arrive, so that megabytes of them are neither held nor searched.

    Raises:
        HttpError: 413 for more than `limit` bytes, before the body is read if the request gives its length.
    """
    if _is_short(request, limit):
        return await request.body()
    request._body = await join_fragments(await _read_fragments(request, limit, is_text=is_text))
    return request._body


async def read_json_body(request: Request, limit: int) -> bytes | FragmentedBytes:
    """Return a body that `is_text` as `read_body` does, but one that takes long to decode in fragments.

    Joining megabytes, and freeing them at once, would hold the event loop. `request.body()` does not return the
    fragments.

    Raises:
        HttpError: as `read_body`.
    """
    if _is_short(request, limit):
        return await request.body()
    fragments = await _read_fragments(request, limit, is_text=True)
    if not are_fragments_quick(fragments):
        return FragmentedBytes(fragments)
    request._body = await join_fragments(fragments)
    return request._body


def _is_short(request: Request, limit: int) -> bool:
    """Return whether a request says that its body has a megabyte at most.

    Raises:
        HttpError: 413, the body has more than `limit` bytes.
    """
    length = find_header(request, b"content-length")
    if length is None:
        return False
    if int(length) > limit:
        raise _build_refusal(limit)
    return int(length) <= _MEGABYTE


async def _read_fragments(request: Request, limit: int, *, is_text: bool) -> list[bytes]:
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
    return parts


def _is_blank(part: bytes) -> bool:
    """Return whether there are only characters that JSON ignores."""
    return part.isspace() and b"\v" not in part and b"\f" not in part


def _build_refusal(limit: int) -> HttpError:
    # The rest of the body is not read, so the connection cannot be used again.
    return HttpError(413, f"Request body is too large: {limit} bytes at most", {"connection": "close"})
