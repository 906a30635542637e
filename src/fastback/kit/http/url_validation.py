"""Addresses on the web that people hand in."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastback.kit.http import Invalid


def http_url(url: str, *, field: str = "url") -> str:
    """The address, with a path.

    Raises:
        Invalid: it is none, or none of HTTP.
    """
    loc = ["body", field]

    def problem(kind: str, msg: str, ctx: dict[str, str]) -> Invalid:
        return Invalid([{"type": kind, "loc": loc, "msg": msg, "input": url, "ctx": ctx}])

    def unreadable(reason: str) -> Invalid:
        return problem("url_parsing", f"Input should be a valid URL, {reason}", {"error": reason})

    text = url.strip()
    if not text:
        raise unreadable("input is empty")
    scheme, colon, _ = text.partition(":")
    if not colon or not scheme[:1].isalpha() or not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        raise unreadable("relative URL without a base")
    if scheme.lower() not in ("http", "https"):
        words = "URL scheme should be 'http' or 'https'"
        raise problem("url_scheme", words, {"expected_schemes": "'http' or 'https'"})
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise unreadable("invalid port number") from None
    if not parts.hostname:
        raise unreadable("empty host")
    return parts._replace(path=parts.path or "/").geturl() if port != 0 else text
