"""Password hashes: bcrypt as the reference writes it, argon2 where it is configured or stored; in threads only.

A hash takes a quarter of a second of processor time. One thread for every two cores computes them, the others queue:
fifty sign-ins at once slow each other, and no other request. When twenty are waiting, further ones are refused.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import bcrypt

from fastback import messages
from fastback.kit.http.errors import BadRequest, ServiceUnavailable

#: bcrypt ignores all bytes after these.
MAX_BYTES = 72
#: Callers that may wait for a thread.
_MAX_WAITING = 20
#: Characters of a password that is compared with the administrator's pattern, which may be slow.
_MAX_MATCHED_LENGTH = 1000


def _lower_priority() -> None:
    """Lower the priority of the current thread (Linux), so that hashing yields to the event loop."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 10)
    except OSError:
        pass


class PasswordHasher:
    """Hashes and verifies passwords, a limited number at a time.

    `algorithm` is "bcrypt" or "argon2", for new hashes; both are verified, by the format of the stored hash.
    `pattern` is a regular expression for new passwords, `hint` the error message where one does not match.
    """

    def __init__(self, algorithm: str = "bcrypt", *, pattern: str | None = None, hint: str = "") -> None:
        self.algorithm = algorithm
        self._pattern = re.compile(pattern) if pattern else None
        self._hint = hint
        workers = max(1, (os.cpu_count() or 2) // 2)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="hash", initializer=_lower_priority)
        self._placeholder: str | None = None
        self._max_reservations = workers + _MAX_WAITING
        self._reservations = 0

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Reserve a place among those who wait for hashes, before anything about the request is stored.

        Raises:
            ServiceUnavailable: too many are waiting.
        """
        if self._reservations >= self._max_reservations:
            raise ServiceUnavailable("Too many sign-ins at the moment. Please try again in a few seconds.")
        self._reservations += 1
        try:
            yield
        finally:
            self._reservations -= 1

    def require_valid(self, password: str) -> None:
        """Require a new password to follow the rules.

        Raises:
            BadRequest: the password is too long for bcrypt, or does not match the configured pattern.
        """
        if self.algorithm == "bcrypt" and len(password.encode()) > MAX_BYTES:
            raise BadRequest(messages.PASSWORD_TOO_LONG)
        if self._pattern is None:
            return
        if len(password) > _MAX_MATCHED_LENGTH or not self._pattern.match(password):
            raise BadRequest(self._hint or messages.INVALID_PASSWORD)

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Return whether the password is correct.

        Without a hash it takes the same time, so that the time does not reveal which addresses have an account.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._verify, password, hashed)

    def _hash(self, password: str) -> str:
        if self.algorithm == "argon2":
            from argon2 import PasswordHasher

            return PasswordHasher().hash(password)
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode()

    def _verify(self, password: str, hashed: str | None) -> bool:
        if not hashed:
            if self._placeholder is None:
                self._placeholder = self._hash("placeholder")
            self._verify(password, self._placeholder)
            return False
        if hashed.startswith("$argon2"):
            from argon2 import PasswordHasher
            from argon2.exceptions import InvalidHashError, VerificationError

            try:
                return PasswordHasher().verify(hashed, password)
            except (InvalidHashError, VerificationError):
                return False
        try:
            return bcrypt.checkpw(password.encode()[:MAX_BYTES], hashed.encode())
        except ValueError:
            return False

    def close(self) -> None:
        """Cancel waiting work."""
        self._pool.shutdown(wait=False, cancel_futures=True)
