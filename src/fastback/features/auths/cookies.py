"""The cookie `token`: what images, which carry no header, are asked for with."""

from __future__ import annotations

import datetime
from functools import lru_cache

from fastback.settings import Settings

_GONE = "expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=lax"


@lru_cache(512)
def _expires(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("expires=%a, %d %b %Y %H:%M:%S GMT")


def session_cookie(settings: Settings, token: str, *, max_age: int | None, expires_at: int | None = None) -> bytes:
    """The value of a `Set-Cookie` header that keeps a session."""
    parts = [f"token={token}"]
    if expires_at is not None:
        parts.append(_expires(expires_at))
    parts.append("HttpOnly")
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    parts.append("Path=/")
    parts.append(f"SameSite={settings.cookie_same_site}")
    if settings.cookie_secure:
        parts.append("Secure")
    return "; ".join(parts).encode("latin-1")


def gone(name: str) -> bytes:
    """The value of a `Set-Cookie` header that drops a cookie."""
    return f'{name}=""; {_GONE}'.encode()
