"""The limit of requests that one address may send to the operations of sign-in."""

from __future__ import annotations

import hashlib

from starlette.requests import Request

from fastback import messages
from fastback.config import Config
from fastback.config.keys.auth import AUTH_MFA_ENABLE
from fastback.kit.http.errors import HttpError
from fastback.kit.rate_limiter import RateLimiter
from fastback.kit.redis import Redis

#: Requests that an address may send in a window (seconds).
_LIMIT, _WINDOW = 100, 900


class AddressLimit:
    """Counts requests by the client's address, while second factors are enabled.

    A code has six digits, so that guessing must be slow whatever account it is tried on.
    """

    def __init__(self, config: Config, redis: Redis | None = None) -> None:
        self._config = config
        self._limiter = RateLimiter(redis, limit=_LIMIT, window=_WINDOW)

    async def count(self, request: Request) -> None:
        """Count a request.

        Raises:
            HttpError: 429, the address has sent too many.
        """
        if not self._config.get_bool(AUTH_MFA_ENABLE):
            return
        address = request.client.host if request.client else "unknown"
        # The name of the key is that of the reference, which counts in the same Redis.
        if await self._limiter.is_limited(f"mfa:ip:{hashlib.sha256(address.encode()).hexdigest()}"):
            raise HttpError(429, messages.TOO_MANY_ATTEMPTS, {"Retry-After": str(_WINDOW)})
