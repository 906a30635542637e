"""Identities: the user behind a token or an API key, cached for seconds and dropped when the user changes."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from fastback import messages
from fastback.access import credential_store
from fastback.access.credential_store import Account
from fastback.access.events import AllSessionsRevoked, SessionsRevoked, TokenRevoked, UserChanged, UserDeleted
from fastback.access.permissions import Permissions
from fastback.access.revocations import RedisRevocations
from fastback.access.second_factor_policy import is_second_factor_required
from fastback.access.tokens import TokenSigner
from fastback.config import Config
from fastback.config.keys.auth import (
    AUTH_API_KEY_ALLOWED_ENDPOINTS,
    AUTH_API_KEY_ENDPOINT_RESTRICTIONS,
    AUTH_ENABLE_API_KEYS,
)
from fastback.kit.bus import Bus, EventsLost
from fastback.kit.db import Database, DatabaseError
from fastback.kit.http.errors import Forbidden, HttpError, Unauthorized

#: How long an identity is cached (seconds): another process may change the user meanwhile.
_CACHE_SECONDS = 5.0
#: The cache is emptied when it holds this many identities.
_MAX_CACHED = 10_000
#: Types of token that may call the API.
_TOKEN_TYPES = ("session", "automation", "subagent")


class User(msgspec.Struct, frozen=True):
    """The requester: only the columns that nearly every operation needs."""

    id: str
    email: str
    name: str
    role: str
    #: The kind of credential: `jwt` or `api_key`.
    auth_type: str = ""

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def is_verified(self) -> bool:
        return self.role in ("admin", "user")


class Identity(msgspec.Struct, frozen=True):
    """A user, with the credential of the request."""

    user: User
    token: str
    #: The claims of a session token; None for an API key.
    claims: dict[str, Any] | None = None

    @property
    def is_session(self) -> bool:
        return self.claims is not None

    @property
    def is_human(self) -> bool:
        """Return whether a person signed in: not an API key, not the token of an automation."""
        return self.claims is not None and self.claims.get("typ", "session") == "session"


class IdentityResolver:
    """Resolves tokens and API keys to identities; one instance serves the whole process.

    `seen_every` is the least time (seconds) between two writes of a user's last activity.
    """

    def __init__(
        self,
        *,
        db: Database,
        tokens: TokenSigner,
        config: Config,
        permissions: Permissions,
        bus: Bus,
        revocations: RedisRevocations | None = None,
        seen_every: float = 0.0,
    ) -> None:
        self._db = db
        self._tokens = tokens
        self._config = config
        self._permissions = permissions
        #: By token, when the entry expires (Unix time) and the identity.
        self._cached: dict[str, tuple[float, Identity]] = {}
        #: When users were last active, not written yet (Unix time by user id).
        self._last_active: dict[str, int] = {}
        #: When the last activity of users was written, where that was within `seen_every` seconds.
        self._written: dict[str, int] = {}
        self._seen_every = seen_every
        self._revocations = revocations
        #: Counts what was dropped: an identity that was read before is not cached.
        self._drop_count = 0
        bus.subscribe(UserChanged, lambda event: self.forget(event.user_id), elsewhere=True)
        bus.subscribe(UserDeleted, lambda event: self.forget(event.user_id), elsewhere=True)
        bus.subscribe(SessionsRevoked, lambda event: self.forget(event.user_id), elsewhere=True)
        bus.subscribe(TokenRevoked, lambda event: self.forget(event.user_id), elsewhere=True)
        bus.subscribe(AllSessionsRevoked, lambda event: self._forget_sessions(), elsewhere=True)
        bus.subscribe(EventsLost, lambda event: self._forget_sessions())

    def forget(self, user_id: str) -> None:
        """Drop the cached identities of a user, so that the next request reads the database."""
        self._drop_count += 1
        for token, (_, identity) in list(self._cached.items()):
            if identity.user.id == user_id:
                del self._cached[token]

    def _forget_sessions(self) -> None:
        """Drop the cached identities of all users, except those that the server itself uses."""
        self._drop_count += 1
        self._cached = {token: entry for token, entry in self._cached.items() if entry[0] == float("inf")}

    def find_cached(self, token: str) -> Identity | None:
        """Return the cached identity of a token, or None; the database is not read."""
        entry = self._cached.get(token)
        if entry is None:
            return None
        expires_at, identity = entry
        now = time.time()
        if now > expires_at:
            del self._cached[token]
            return None
        self._last_active[identity.user.id] = int(now)
        return identity

    async def resolve(self, token: str, path: str) -> Identity:
        """Return the identity behind a token or an API key, for a request to `path`.

        Raises:
            Unauthorized: the credential is forged, expired or revoked, or its user is gone.
            Forbidden: the API key may not be used, or not for this path.
        """
        if token.startswith("sk-"):
            return await self._resolve_api_key(token, path)
        return self.find_cached(token) or await self._resolve_token(token)

    async def _resolve_token(self, token: str) -> Identity:
        drop_count = self._drop_count
        claims = self._tokens.read(token)
        if claims is None or "id" not in claims:
            raise Unauthorized(messages.UNAUTHORIZED)
        account = await credential_store.find_account(self._db, claims["id"])
        if account is None or not account.active:
            raise Unauthorized(messages.INVALID_AUTHENTICATION)
        if claims.get("session_stamp") != account.session_stamp or claims.get("typ", "session") not in _TOKEN_TYPES:
            raise Unauthorized("Invalid token")
        if await self._lacks_second_factor(claims):
            raise Unauthorized("Invalid token")
        user = _build_user(account, "jwt")
        jti = claims.get("jti")
        if jti and await credential_store.is_token_revoked(self._db, jti):
            raise Unauthorized("Invalid token")
        if self._revocations is not None and await self._revocations.is_revoked(claims):
            raise Unauthorized("Invalid token")
        identity = Identity(user, token, claims)
        if drop_count == self._drop_count:
            self._cache(token, identity, expires_at=claims.get("exp"))
        return identity

    async def _lacks_second_factor(self, claims: dict[str, Any]) -> bool:
        """Return whether a person signed in without the second factor that the policy requires, or has it no longer."""
        if claims.get("typ", "session") != "session":
            return False
        if not is_second_factor_required(self._config, str(claims.get("auth_method", ""))):
            return False
        if claims.get("mfa_verified") is not True:
            return True
        return not await credential_store.has_second_factor(self._db, claims["id"])

    async def _resolve_api_key(self, key: str, path: str) -> Identity:
        identity = self.find_cached(key)
        if identity is None:
            drop_count = self._drop_count
            account = await credential_store.find_account_by_api_key(self._db, key)
            if account is None:
                raise Unauthorized(messages.INVALID_TOKEN)
            identity = Identity(_build_user(account, "api_key"), key)
            if drop_count == self._drop_count:
                self._cache(key, identity)
        if not self._config.get(AUTH_ENABLE_API_KEYS):
            raise Forbidden(messages.API_KEY_NOT_ALLOWED)
        user = identity.user
        if not user.is_admin and not await self._permissions.has(user.id, "features.api_keys"):
            raise Forbidden(messages.API_KEY_NOT_ALLOWED)
        if self._config.get(AUTH_API_KEY_ENDPOINT_RESTRICTIONS):
            allowed = str(self._config.get(AUTH_API_KEY_ALLOWED_ENDPOINTS) or "")
            prefixes = [prefix.strip() for prefix in allowed.split(",") if prefix.strip()]
            if not any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes):
                raise Forbidden(messages.ACCESS_PROHIBITED)
        return identity

    async def find(self, token: str | None, path: str) -> Identity | None:
        """Return the identity behind a credential, or None where there is no valid one."""
        if not token:
            return None
        try:
            return await self.resolve(token, path)
        except HttpError:
            return None

    @asynccontextmanager
    async def impersonate(self, user_id: str) -> AsyncIterator[str]:
        """Admit a token for requests that the server itself sends as a user; it is valid inside of the context only.

        Raises:
            Unauthorized: there is no such user.
        """
        account = await credential_store.find_account(self._db, user_id)
        if account is None:
            raise Unauthorized(messages.INVALID_TOKEN)
        token = secrets.token_urlsafe(24)
        identity = Identity(_build_user(account, "jwt"), token, {"id": user_id, "typ": "session"})
        self._cached[token] = (float("inf"), identity)
        try:
            yield token
        finally:
            self._cached.pop(token, None)

    def _cache(self, token: str, identity: Identity, expires_at: int | None = None) -> None:
        """Cache an identity, not beyond the expiry of its token."""
        now = time.time()
        if len(self._cached) >= _MAX_CACHED:
            self._cached.clear()
        deadline = now + _CACHE_SECONDS
        if expires_at is not None:
            deadline = min(deadline, expires_at)
        self._cached[token] = (deadline, identity)
        self._last_active[identity.user.id] = int(now)

    async def save_last_seen(self) -> None:
        """Write when users were last active; called every few seconds instead of once per request."""
        if not self._last_active:
            return
        now = time.time()
        self._written = {user_id: at for user_id, at in self._written.items() if now - at < self._seen_every}
        unwritten = {user_id: at for user_id, at in self._last_active.items() if user_id not in self._written}
        self._last_active = {}
        if not unwritten:
            return
        try:
            await credential_store.save_last_active(self._db, unwritten)
        except DatabaseError:
            self._last_active = unwritten | self._last_active  # for the next call
            raise
        self._written |= unwritten


def _build_user(account: Account, auth_type: str) -> User:
    if account.id is None:
        raise Unauthorized(messages.INVALID_TOKEN)
    return User(account.id, account.email, account.name, account.role, auth_type)
