"""The address of a Realtime API: a WebSocket below the base URL of the HTTP API."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit


def is_valid_base_url(base: str) -> bool:
    """Return whether a base URL is one of HTTP, without credentials, query and fragment."""
    try:
        url = urlsplit(base)
        _ = url.port  # raises ValueError where it is not a number
    except ValueError:
        return False
    has_more = url.username or url.password or url.query or url.fragment
    return url.scheme in ("http", "https") and bool(url.hostname) and not has_more


def build_realtime_url(base: str, model: str) -> str:
    """Return the WebSocket's URL for a valid base URL."""
    url = urlsplit(base)
    scheme = "wss" if url.scheme == "https" else "ws"
    return urlunsplit((scheme, url.netloc, f"{url.path.rstrip('/')}/realtime", urlencode({"model": model}), ""))
