"""Password hashes: bcrypt as the reference writes it, argon2 where it stands; never in the event loop.

Hashing is work for a processor, a quarter of a second of it. At most one sign-in at a time does it per two cores, the
others queue: fifty sign-ins at once slow each other, and nobody else.
"""

from __future__ import annotations

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from fastback import messages
from fastback.kit.http.errors import BadRequest

#: bcrypt reads no further.
MAX_BYTES = 72


def _lower_priority() -> None:
    """Linux gives each thread its own niceness: hashing yields to whoever serves requests."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 10)
    except OSError:
        pass


class PasswordHasher:
    """Hashes and verifies passwords, a bounded number at once.

    `algorithm` is "bcrypt" or "argon2", for new hashes; both are verified, by the shape of the stored hash.
    """

    def __init__(self, algorithm: str = "bcrypt", *, pattern: str | None = None, hint: str = "") -> None:
        self.algorithm = algorithm
        self._pattern = re.compile(pattern) if pattern else None
        self._hint = hint
        workers = max(1, (os.cpu_count() or 2) // 2)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="hash", initializer=_lower_priority)
        self._placeholder: str | None = None

    def require_valid(self, password: str) -> None:
        """Refuse a new password that breaks the rules.

        Raises:
            BadRequest: too long for bcrypt, or not matching the configured pattern.
        """
        if self.algorithm == "bcrypt" and len(password.encode()) > MAX_BYTES:
            raise BadRequest(messages.PASSWORD_TOO_LONG)
        if self._pattern is not None and not self._pattern.match(password):
            raise BadRequest(self._hint or messages.INVALID_PASSWORD)

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password fits; as slow without a hash, so that the time does not tell who has an account."""
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
        self._pool.shutdown(wait=False, cancel_futures=True)
