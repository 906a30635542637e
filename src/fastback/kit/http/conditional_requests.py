"""Answer `If-None-Match` (RFC 9110, section 13.1.2): a client that has a response already gets 304 instead of it."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from fastback.kit.http.headers import find_raw_header

#: Headers that describe the body, which a 304 does not have.
_BODY_HEADERS = (b"content-length", b"content-type", b"content-range", b"accept-ranges")


class _NotModified(Exception):
    """The client has the response; its body is neither read nor sent."""


def is_tag_listed(tags: bytes, tag: str) -> bool:
    """Return whether the value of an `If-None-Match` header names a tag.

    A proxy that changed the encoding of the content has made the tag a weak one.
    """
    listed = (value.strip().removeprefix("W/") for value in tags.decode("latin-1").split(","))
    return any(value in ("*", tag.removeprefix("W/")) for value in listed)


async def send_unless_stored(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response, or 304 where the request names its tag. Responses without a tag are sent as they are."""
    tags = find_raw_header(scope["headers"], b"if-none-match") if scope["method"] in ("GET", "HEAD") else None
    if tags is None:
        await response(scope, receive, send)
        return

    async def send_start(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            headers = message["headers"]
            tag = find_raw_header(headers, b"etag")
            if tag is not None and is_tag_listed(tags, tag.decode("latin-1")):
                rest = [(key, value) for key, value in headers if key not in _BODY_HEADERS]
                await send({"type": "http.response.start", "status": 304, "headers": rest})
                await send({"type": "http.response.body", "body": b""})
                raise _NotModified
        await send(message)

    try:
        await response(scope, receive, send_start)
    except _NotModified:
        return
