"""Cookies of sign-in. The cookie `token` authenticates requests for images, which carry no header."""

from __future__ import annotations

import datetime
from functools import lru_cache

from fastback.settings import Settings

_EXPIRED = "expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"


@lru_cache(512)
def _format_expiry(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("expires=%a, %d %b %Y %H:%M:%S GMT")


def build_cookie(
    settings: Settings,
    name: str,
    value: str,
    *,
    max_age: int | None,
    expires_at: int | None = None,
    path: str = "/",
    http_only: bool = True,
    same_site: str | None = None,
) -> bytes:
    """Return the value of a `Set-Cookie` header that stores a credential; `expires_at` is a Unix time.

    `same_site` is that of the settings by default.
    """
    parts = [f"{name}={value}"]
    if expires_at is not None:
        parts.append(_format_expiry(expires_at))
    if http_only:
        parts.append("HttpOnly")
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    parts.append(f"Path={path}")
    parts.append(f"SameSite={same_site or settings.cookie_same_site}")
    if settings.cookie_secure:
        parts.append("Secure")
    return "; ".join(parts).encode("latin-1")


def build_session_cookie(
    settings: Settings, token: str, *, max_age: int | None, expires_at: int | None = None
) -> bytes:
    """Return the value of a `Set-Cookie` header that stores a session; `expires_at` is a Unix time."""
    return build_cookie(settings, "token", token, max_age=max_age, expires_at=expires_at)


def build_removal_cookie(name: str, *, path: str = "/") -> bytes:
    """Return the value of a `Set-Cookie` header that removes a cookie."""
    return f'{name}=""; {_EXPIRED}; Path={path}; SameSite=lax'.encode()
