"""Limits of attempts: so many in a window that begins with the first."""

from __future__ import annotations

import time

from fastback import messages
from fastback.features.second_factors.codes import hash_token
from fastback.features.second_factors.state import AttemptLimit
from fastback.kit.cluster import Cluster
from fastback.kit.http.errors import HttpError

#: Attempts in a window (seconds).
_MAX_ATTEMPTS, _WINDOW = 10, 900
#: The cluster's table of the ends (Unix time) of the windows of unknown addresses, by the hash of the address.
_WINDOWS = "unknown-addresses"


class TooManyAttempts(HttpError):
    """Respond with 429; `seconds` remain until the window ends."""

    def __init__(self, seconds: int) -> None:
        super().__init__(429, messages.TOO_MANY_ATTEMPTS, {"Retry-After": str(seconds)})


def add_attempt(limits: dict[str, AttemptLimit], key: str) -> None:
    """Count an attempt under a key, in place.

    Raises:
        TooManyAttempts: there were too many already.
    """
    now = int(time.time())
    limit = limits.get(key)
    if limit is None or limit.expires_at <= now:
        limit = limits[key] = AttemptLimit(expires_at=now + _WINDOW)
    if limit.count >= _MAX_ATTEMPTS:
        raise TooManyAttempts(limit.expires_at - now)
    limit.count += 1


class UnknownAddressLimits:
    """Limits attempts to sign in with email addresses that have no account, in all processes together.

    Without it, the limit of an account would reveal which addresses have one.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def add_attempt(self, email: str) -> None:
        """Count an attempt.

        Raises:
            TooManyAttempts: there were too many already.
        """
        now = int(time.time())
        key = hash_token(email.lower())
        window_end = int(await self._cluster.get_entry(_WINDOWS, key) or 0)
        if window_end <= now:
            window_end = now + _WINDOW
            await self._cluster.put_entry(_WINDOWS, key, str(window_end).encode(), expires_in=_WINDOW)
        if await self._cluster.increment(f"{_WINDOWS}:{key}:{window_end}", expires_in=_WINDOW) > _MAX_ATTEMPTS:
            raise TooManyAttempts(window_end - now)
