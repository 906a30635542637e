"""Session tokens: JSON Web Tokens (HS256) with the reference's claims, valid in either program.

Claims: `id`, `typ` ("session", "automation", "subagent"), `auth_method`, `auth_time`, `session_stamp`, `mfa_verified`,
`exp`, `iat`, `jti`.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from fastback.kit.signing import jwt

ALGORITHM = "HS256"

_DURATION = re.compile(r"(?<!\d)(-?\d{1,18}+(?:\.\d{1,18}+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_duration(duration: str | None) -> int | None:
    """Return the seconds of a duration such as `4w` or `1h30m`; None (never expires) for `-1`, `0` and an empty text.

    Raises:
        ValueError: the text is not a duration.
    """
    text = (duration or "").strip()
    if text in ("", "-1", "0"):
        return None
    parts = _DURATION.findall(text)
    if not parts:
        raise ValueError(f"not a duration: {duration!r}")
    return int(sum(float(number) * _SECONDS[unit] for number, unit in parts))


class TokenSigner:
    """Signs and verifies tokens with one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def create(self, claims: dict[str, Any], *, lifetime: int | None) -> str:
        """Return a token with these claims that expires after `lifetime` seconds (None: never)."""
        now = int(time.time())
        payload = dict(claims)
        if lifetime is not None:
            payload["exp"] = now + lifetime
        payload["jti"] = str(uuid.uuid4())
        payload["iat"] = now
        return jwt.encode(payload, self._secret, algorithm=ALGORITHM)

    def create_session_token(
        self,
        user_id: str,
        *,
        method: str,
        stamp: str | None,
        lifetime: int | None,
        mfa_verified: bool = False,
        auth_time: int | None = None,
    ) -> str:
        """Return the token of a completed sign-in.

        `stamp` is the session stamp of the user's credential, `auth_time` when they signed in (default: now).
        """
        return self.create(
            {
                "id": user_id,
                "typ": "session",
                "auth_method": method,
                "auth_time": int(time.time()) if auth_time is None else auth_time,
                "session_stamp": stamp,
                "mfa_verified": mfa_verified,
            },
            lifetime=lifetime,
        )

    def read(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a valid token; None where it is forged, expired or malformed."""
        try:
            # The clock of the process that has issued it may be ahead.
            claims: dict[str, Any] = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], options={"verify_iat": False}
            )
        except jwt.InvalidTokenError:
            return None
        return claims


def generate_api_key() -> str:
    """Return a new API key in the reference's format: `sk-` and 32 hexadecimal digits."""
    return f"sk-{uuid.uuid4().hex}"
