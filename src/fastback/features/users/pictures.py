"""Pictures of users and models: what is stored is a web address, an image as data, or nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

from starlette.responses import FileResponse, RedirectResponse, Response


class DefaultPictures:
    """Finds the pictures that ship with the frontend; `directories` are searched in order."""

    def __init__(self, directories: list[Path]) -> None:
        self._directories = directories

    def response(self, name: str) -> Response:
        """The picture as a file, or a redirect to where the page has it."""
        for directory in self._directories:
            path = directory / name
            if path.is_file():
                return FileResponse(path, headers={"cache-control": "max-age=3600"})
        return RedirectResponse(f"/static/{name}", 302)


def stored_picture(url: str | None, *, allowed: frozenset[str], forward: bool) -> Response | None:
    """The answer for a stored picture; None where the default stands in.

    `allowed` are the media types that may be served, `forward` whether pictures elsewhere are redirected to.
    """
    if not url:
        return None
    if url.startswith("http"):
        return RedirectResponse(url, 302) if forward else None
    if not url.startswith("data:image"):
        return None
    head, _, encoded = url.partition(",")
    media_type = head.removeprefix("data:").split(";")[0].lower()
    if media_type not in allowed:
        return None
    try:
        content = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return None
    headers = {
        "content-disposition": "inline",
        "x-content-type-options": "nosniff",
        "etag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"',
    }
    return Response(content, media_type=media_type, headers=headers)
