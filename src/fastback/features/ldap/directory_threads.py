"""Threads that ask the directory, a limited number at a time: ldap3 blocks, and a directory may not respond."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastback.features.ldap.deadline import Deadline
from fastback.features.ldap.directory_settings import DirectorySettings
from fastback.features.ldap.directory_user import DirectoryRefusal, DirectoryUser
from fastback.kit.http.errors import ServiceUnavailable

log = logging.getLogger("fastback.ldap")

#: Let a user's password be verified, or raise.
Admit = Callable[[DirectoryUser], Coroutine[Any, Any, None]]

#: Seconds after which a sign-in has failed, with the time in which it waits for a thread.
TIME_LIMIT = 10.0
#: Sign-ins at the directory at a time, and those that wait or are at the directory.
_MAX_THREADS, _MAX_SIGN_INS = 4, 64


class DirectoryThreads:
    """Verifies passwords at the directory in threads."""

    def __init__(self, *, time_limit: float = TIME_LIMIT, max_sign_ins: int = _MAX_SIGN_INS) -> None:
        self._time_limit = time_limit
        # The threads are started by the first sign-ins.
        self._pool = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="ldap")
        self._slots = threading.BoundedSemaphore(max_sign_ins)

    def require_free_slot(self) -> None:
        """Require that another sign-in may begin.

        Raises:
            ServiceUnavailable: too many are in progress.
        """
        self._take_slot()
        self._slots.release()

    def _take_slot(self) -> None:
        if not self._slots.acquire(blocking=False):
            raise ServiceUnavailable("Too many sign-ins at the moment. Please try again in a few seconds.")

    async def authenticate(
        self, settings: DirectorySettings, username: str, password: str, *, admit: Admit
    ) -> DirectoryUser:
        """Return the user with this name, if the directory accepts their password.

        `admit` runs once the directory knows the user, before it verifies the password; what it raises ends the
        sign-in. A slot is free again when the thread has ended, which a name server that does not respond may delay.

        Raises:
            DirectoryRefusal: it refuses them, or takes too long.
            ServiceUnavailable: too many sign-ins are in progress.
        """
        self._take_slot()
        deadline = Deadline(self._time_limit)
        loop = asyncio.get_running_loop()

        def admit_in_loop(user: DirectoryUser) -> None:
            asyncio.run_coroutine_threadsafe(admit(user), loop).result(deadline.get_remaining())

        try:
            future = self._pool.submit(_authenticate, settings, username, password, deadline, admit_in_loop)
        except RuntimeError:  # the server stops
            self._slots.release()
            raise ServiceUnavailable("The server is stopping.") from None
        future.add_done_callback(lambda _: self._slots.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._time_limit)
        except TimeoutError:
            log.warning("LDAP sign-in failed, %s did not respond in %g s", settings.label, self._time_limit)
            raise DirectoryRefusal("LDAP authentication failed.") from None

    async def close(self) -> None:
        """Cancel waiting sign-ins."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _authenticate(
    settings: DirectorySettings,
    username: str,
    password: str,
    deadline: Deadline,
    admit: Callable[[DirectoryUser], None],
) -> DirectoryUser:
    from fastback.features.ldap.directory_client import authenticate_user

    return authenticate_user(settings, username, password, deadline=deadline, admit=admit)
