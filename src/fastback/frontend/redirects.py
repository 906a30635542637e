"""Addresses that lead to a question: a video (`/watch?v=…`), what another app shares with the page (`/?shared=…`)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Any, Send], Awaitable[None]]

_VIDEO_HOSTS = frozenset(
    ("youtu.be", "m.youtube.com", "youtube.com", "www.youtube.com", "www.youtube-nocookie.com", "vid.plus")
)
_VIDEO_ID_LENGTH = 11


class Redirects:
    """ASGI middleware before the page's files; it looks only at addresses that may be meant."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        query: bytes = scope["query_string"]
        if query and scope["method"] == "GET" and (b"shared=" in query or scope["path"].endswith("/watch")):
            target = redirect(scope["path"], query.decode("latin-1"))
            if target is not None:
                headers = [(b"location", target.encode()), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 307, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)


def redirect(path: str, query: str) -> str | None:
    """Where an address leads; None: to where it says."""
    asked = parse_qs(query)
    found: dict[str, str] = {}
    if path.endswith("/watch") and "v" in asked:
        found["youtube"] = asked["v"][0]
    if "shared" in asked:
        text = asked["shared"][0]
        url = re.match(r"https://\S+", text)
        if url is None:
            found["q"] = text
        elif video := _video(url[0]):
            found["youtube"] = video
        else:
            found["load-url"] = url[0]
    return f"/?{urlencode(found)}" if found else None


def _video(url: str) -> str | None:
    """The id of a video at YouTube."""
    parts = urlsplit(url)
    if parts.netloc not in _VIDEO_HOSTS:
        return None
    if parts.path.endswith("/watch"):
        name = parse_qs(parts.query).get("v", [""])[0]
    else:
        name = parts.path.rsplit("/", 1)[-1]
    return name if len(name) == _VIDEO_ID_LENGTH else None
