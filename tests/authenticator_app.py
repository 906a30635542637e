"""An authenticator app of a test: it computes the codes of a key, and never one twice."""

from __future__ import annotations

import time

import pyotp

STEP_SECONDS = 30


class AuthenticatorApp:
    """Computes codes; each is of a later time step than the one before, so that a server accepts it."""

    def __init__(self, key: str) -> None:
        self._authenticator = pyotp.TOTP(key)
        self._used_step = -1

    def next_code(self) -> str:
        """Return the code of the first time step that is neither past nor used."""
        self._used_step = max(int(time.time()) // STEP_SECONDS, self._used_step + 1)
        return self._authenticator.generate_otp(self._used_step)

    def get_waiting_time(self) -> float:
        """Return the seconds until a server accepts the next code, which may be one step ahead of its clock."""
        return max(0.0, self._used_step * STEP_SECONDS - time.time())

    def code_of_moment(self, seconds: float) -> str:
        """Return the code of a moment (seconds from now), used or not."""
        return self._authenticator.generate_otp(int(time.time() + seconds) // STEP_SECONDS)
