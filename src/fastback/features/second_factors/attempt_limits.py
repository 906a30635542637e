"""Limits of attempts: so many in a window that begins with the first."""

from __future__ import annotations

import time

from fastback import messages
from fastback.features.second_factors.codes import hash_token
from fastback.features.second_factors.state import AttemptLimit
from fastback.kit.http.errors import HttpError

#: Attempts in a window (seconds).
_MAX_ATTEMPTS, _WINDOW = 10, 900
#: Unknown addresses that are counted at a time.
_MAX_ADDRESSES = 10_000


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
    """Limits attempts to sign in with email addresses that have no account.

    Without it, the limit of an account would reveal which addresses have one.
    """

    def __init__(self) -> None:
        self._limits: dict[str, AttemptLimit] = {}

    def add_attempt(self, email: str) -> None:
        """Count an attempt.

        Raises:
            TooManyAttempts: there were too many already.
        """
        if len(self._limits) >= _MAX_ADDRESSES:
            self._limits.clear()
        add_attempt(self._limits, hash_token(email.lower()))
