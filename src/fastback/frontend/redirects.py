"""Redirects to a prefilled question: a video (`/watch?v=…`), or what another app shares (`/?shared=…`)."""

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
_ADDRESS = re.compile(r"https://\S+")


class Redirects:
    """ASGI middleware in front of the frontend's files; it parses only URLs that can lead to a redirect."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        query: bytes = scope["query_string"]
        if query and scope["method"] == "GET" and (b"shared=" in query or scope["path"].endswith("/watch")):
            target = find_redirect(scope["path"], query.decode("latin-1"))
            if target is not None:
                headers = [(b"location", target.encode()), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 307, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)


def find_redirect(path: str, query: str) -> str | None:
    """Return the target of a redirect, or None."""
    params = parse_qs(query)
    target_params: dict[str, str] = {}
    if path.endswith("/watch") and "v" in params:
        target_params["youtube"] = params["v"][0]
    if "shared" in params:
        text = params["shared"][0]
        url = _ADDRESS.match(text)
        if url is None:
            target_params["q"] = text
        elif video := _find_video_id(url[0]):
            target_params["youtube"] = video
        else:
            target_params["load-url"] = url[0]
    return f"/?{urlencode(target_params)}" if target_params else None


def _find_video_id(url: str) -> str | None:
    """Return the id of a YouTube video, or None if the URL is not one."""
    parts = urlsplit(url)
    if parts.netloc not in _VIDEO_HOSTS:
        return None
    if parts.path.endswith("/watch"):
        video_id = parse_qs(parts.query).get("v", [""])[0]
    else:
        video_id = parts.path.rsplit("/", 1)[-1]
    return video_id if len(video_id) == _VIDEO_ID_LENGTH else None
