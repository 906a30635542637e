"""When the access token of a token response expires."""

from __future__ import annotations

import logging
import time
from typing import Any

log = logging.getLogger("fastback.oauth")

#: Seconds that a token is assumed to be valid where the provider names no expiry, but a refresh token renews it.
DEFAULT_LIFETIME = 3600
#: The expiry (Unix time) of a token that does not expire: the last second of the year 9999.
NEVER = 253402300799


def read_seconds(value: Any) -> int | None:
    """Return a number of seconds or a Unix time, which some providers send as text; None where it is no number."""
    if isinstance(value, bool):
        return None
    try:
        seconds = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0, min(seconds, NEVER))


def set_token_expiry(token: dict[str, Any]) -> None:
    """Set, in place, `expires_at` (Unix time) and `issued_at` of a token response.

    Without a usable `expires_at` or `expires_in`, a token with a refresh token expires after `DEFAULT_LIFETIME`
    seconds, and any other token never: nothing could renew it.
    """
    now = time.time()
    token["issued_at"] = now
    expires_at, expires_in = read_seconds(token.get("expires_at")), read_seconds(token.get("expires_in"))
    if expires_at is None and expires_in is not None:
        expires_at = min(int(now) + expires_in, NEVER)
    if expires_at is None and token.get("refresh_token"):
        log.warning("token response without expiry: %d seconds are assumed", DEFAULT_LIFETIME)
        expires_at = int(now) + DEFAULT_LIFETIME
    token["expires_at"] = NEVER if expires_at is None else expires_at
