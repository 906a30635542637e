"""Renew the token of a session: one request at a time, in all processes that share a Redis."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions, Token
from fastback.features.oauth_sessions.token_expiry import set_token_expiry
from fastback.kit.redis import Redis

log = logging.getLogger("fastback.oauth")

#: Tokens that expire within this many seconds are renewed.
MARGIN = 300
#: Seconds after which a lock in Redis expires, whether or not its process has released it.
_LOCK_SECONDS = 60

#: Seconds without a further attempt after a provider was down: a turn of a chat waits for each of them.
RETRY_PAUSE = 20.0

#: Requests a new token response for a session from the provider. Raises: RenewalRefused, RenewalFailed.
RequestToken = Callable[[OAuthSession], Awaitable[Token]]


class RenewalRefused(Exception):
    """The provider says that the session is over."""


class RenewalFailed(Exception):
    """The provider gave no answer, or one that says nothing about the session; a later attempt may succeed."""


class RenewalLocks:
    """Locks by session: in Redis where it is configured, under the key of Open WebUI, otherwise in this process."""

    def __init__(self, redis: Redis | None = None) -> None:
        self._redis = redis
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    @asynccontextmanager
    async def hold(self, session_id: str) -> AsyncIterator[None]:
        """Hold the lock of a session."""
        lock = self._locks.setdefault(session_id, asyncio.Lock())
        self._users[session_id] = self._users.get(session_id, 0) + 1
        try:
            async with lock, self._hold_in_redis(session_id):
                yield
        finally:
            self._users[session_id] -= 1
            if not self._users[session_id]:
                del self._users[session_id], self._locks[session_id]

    @asynccontextmanager
    async def _hold_in_redis(self, session_id: str) -> AsyncIterator[None]:
        """Hold the lock that other processes see; without Redis, or while it does not answer, none is held."""
        lock = await self._acquire_in_redis(session_id)
        try:
            yield
        finally:
            if lock is not None and self._redis is not None:
                try:
                    await lock.release()
                except self._redis.errors as error:  # it expires
                    self._redis.log_unavailable(error)

    async def _acquire_in_redis(self, session_id: str) -> Any:
        if self._redis is None or not self._redis.is_up:
            return None
        name = self._redis.prefixed_key(f"oauth:refresh_lock:{session_id}")
        lock = self._redis.client.lock(name, timeout=_LOCK_SECONDS, blocking_timeout=_LOCK_SECONDS)
        try:
            return lock if await lock.acquire() else None
        except self._redis.errors as error:
            self._redis.log_unavailable(error)
            return None


class TokenRenewal:
    """Renews tokens of sessions before they expire."""

    def __init__(self, sessions: OAuthSessions, locks: RenewalLocks) -> None:
        self._sessions = sessions
        self._locks = locks
        #: When renewals failed last (monotonic time by session id).
        self._failed_at: dict[str, float] = {}
        self._running: set[asyncio.Task[Token | None]] = set()

    async def get_valid_token(
        self,
        session: OAuthSession,
        request_token: RequestToken,
        *,
        renew_at: int | None = None,
        force: bool = False,
    ) -> Token | None:
        """Return the token of a session, renewed if it expires soon or with `force`; None where it has expired.

        `renew_at` (Unix time) is when a part of the token expires, if that is earlier. A session that the provider
        refuses to renew is deleted. Where the provider is down, the token is used until it expires.

        A renewal that has begun goes on when its caller is cancelled: the provider may have used the refresh token up.
        """
        deadline = session.expires_at if renew_at is None else min(renew_at, session.expires_at)
        if not force and deadline > time.time() + MARGIN:
            return session.token
        usable_token = session.token if session.expires_at > time.time() else None
        if not session.token.get("refresh_token") or self._has_failed_recently(session.id):
            return usable_token
        renewal = asyncio.create_task(self._renew_alone(session, request_token, usable_token))
        self._running.add(renewal)
        renewal.add_done_callback(self._running.discard)
        return await asyncio.shield(renewal)

    async def _renew_alone(
        self, session: OAuthSession, request_token: RequestToken, usable_token: Token | None
    ) -> Token | None:
        async with self._locks.hold(session.id):
            current = await self._sessions.find(session.id)
            if current is None:
                return None
            if current.token != session.token:
                return current.token  # another request renewed it meanwhile, and its refresh token was used up
            if self._has_failed_recently(session.id):
                return usable_token
            try:
                return await self._renew(session, request_token)
            except RenewalRefused as error:
                log.warning(
                    "%s refused to renew OAuth session %s, session deleted: %s", session.provider, session.id, error
                )
                await self._sessions.delete(session.id)
                return None
            except RenewalFailed as error:
                log.warning("renewal of OAuth session %s at %s failed: %s", session.id, session.provider, error)
                self._remember_failure(session.id)
                return usable_token

    async def _renew(self, session: OAuthSession, request_token: RequestToken) -> Token | None:
        token = await request_token(session)
        token.setdefault("refresh_token", session.token["refresh_token"])
        set_token_expiry(token)
        return token if await self._sessions.update_token(session.id, token) else None

    def _has_failed_recently(self, session_id: str) -> bool:
        failed_at = self._failed_at.get(session_id)
        return failed_at is not None and time.monotonic() - failed_at < RETRY_PAUSE

    def _remember_failure(self, session_id: str) -> None:
        now = time.monotonic()
        self._failed_at = {key: at for key, at in self._failed_at.items() if now - at < RETRY_PAUSE}
        self._failed_at[session_id] = now
