"""Validate URLs that users enter."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastback.kit.http import Invalid


def validate_http_url(url: str, *, field: str = "url") -> str:
    """Return the URL with a path.

    Raises:
        Invalid: it is not a URL, or its scheme is not HTTP or HTTPS; with pydantic's message.
    """
    loc = ["body", field]

    def url_error(kind: str, msg: str, ctx: dict[str, str]) -> Invalid:
        return Invalid([{"type": kind, "loc": loc, "msg": msg, "input": url, "ctx": ctx}])

    def parsing_error(reason: str) -> Invalid:
        return url_error("url_parsing", f"Input should be a valid URL, {reason}", {"error": reason})

    text = url.strip()
    if not text:
        raise parsing_error("input is empty")
    scheme, colon, _ = text.partition(":")
    if not colon or not scheme[:1].isalpha() or not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        raise parsing_error("relative URL without a base")
    if scheme.lower() not in ("http", "https"):
        message = "URL scheme should be 'http' or 'https'"
        raise url_error("url_scheme", message, {"expected_schemes": "'http' or 'https'"})
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise parsing_error("invalid port number") from None
    if not parts.hostname:
        raise parsing_error("empty host")
    return parts._replace(path=parts.path or "/").geturl() if port != 0 else text
