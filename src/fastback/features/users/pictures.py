"""Pictures of users and models: stored is a web address, an image as a data URI, or nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import urllib.parse

from starlette.responses import RedirectResponse, Response

from fastback.kit.http.errors import Invalid
from fastback.settings import Settings

_PATHS = ("/user.png", "/favicon.png", "/static/favicon.png")
_ROUTE = re.compile(r"/api/v1/users/[^/?#]+/profile/image")
_DATA = re.compile(r"data:image/([a-z]+);base64,", re.IGNORECASE)


def list_allowed_types(settings: Settings) -> frozenset[str]:
    """Return the media types of pictures that may be stored and served."""
    return frozenset(name.strip() for name in settings.profile_image_allowed_mime_types.split(","))


def _find_flaw(url: str, settings: Settings) -> str | None:
    """Return what is invalid about the picture, or None."""
    if not url or url in _PATHS or _ROUTE.fullmatch(url):
        return None
    parsed = urllib.parse.urlparse(url)
    if parsed.scheme in ("http", "https"):
        return None if parsed.hostname else "HTTP(S) URLs must include a host."
    data = _DATA.match(url)
    if data and f"image/{data[1].lower()}" in list_allowed_types(settings):
        limit = settings.profile_image_max_data_uri_size
        return f"data URI exceeds the {limit}-byte limit." if limit and len(url) > limit else None
    return "must be a known internal path, an HTTP(S) URL with a host, or a data:image URI (png/jpeg/gif/webp)."


def require_valid_picture(url: str | None, settings: Settings) -> None:
    """Require a picture that may be stored.

    Raises:
        Invalid: it has another path or scheme, is not a raster image, or is too large.
    """
    flaw = _find_flaw(url, settings) if url else None
    if flaw is not None:
        raise Invalid.at(["body", "profile_image_url"], f"Value error, Invalid profile image URL: {flaw}", value=url)


def build_picture_response(url: str | None, *, allowed: frozenset[str], forward: bool) -> Response | None:
    """Return the response for a stored picture, or None where the default picture has to be served.

    `allowed` holds the media types that may be served; with `forward`, a picture at a web address becomes a redirect.
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
