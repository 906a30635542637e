"""From a token or an API key to a user: one statement, remembered for seconds, forgotten when something changes."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import SessionsRevoked, TokenRevoked, UserChanged, UserDeleted
from fastback.access.permissions import Permissions
from fastback.access.revocations import RedisRevocations
from fastback.access.tokens import TokenSigner
from fastback.config import Config
from fastback.config.keys.auth import (
    AUTH_API_KEY_ALLOWED_ENDPOINTS,
    AUTH_API_KEY_ENDPOINT_RESTRICTIONS,
    AUTH_ENABLE_API_KEYS,
)
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden, HttpError, Unauthorized

#: How long an identity is believed without asking the database (seconds); another process may have changed it.
REMEMBERED = 5.0
#: At most so many identities are remembered.
MOST = 10_000

OWN_TABLES = [
    "CREATE TABLE IF NOT EXISTS fastback_revoked_token (jti TEXT PRIMARY KEY, expires_at BIGINT NOT NULL)",
]


class User(msgspec.Struct, frozen=True):
    """Who asks: the columns that nearly every operation needs, and no more."""

    id: str
    email: str
    name: str
    role: str
    #: How they showed who they are: `jwt` or `api_key`.
    auth_type: str = ""

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def is_verified(self) -> bool:
        return self.role in ("admin", "user")


class _Known(msgspec.Struct, frozen=True):
    #: None where a credential is left, but no user.
    id: str | None
    email: str
    name: str
    role: str
    stamp: str | None
    active: bool


class Identity(msgspec.Struct, frozen=True):
    """A user, and how they showed who they are."""

    user: User
    token: str
    #: The claims of a session token; None for an API key.
    claims: dict[str, Any] | None = None

    @property
    def is_session(self) -> bool:
        return self.claims is not None

    @property
    def is_human(self) -> bool:
        """Whether somebody signed in: no API key, no token of an automation."""
        return self.claims is not None and self.claims.get("typ", "session") == "session"


_BY_ID = """
    SELECT u.id, u.email, u.name, u.role, a.session_stamp, a.active
    FROM auth a LEFT JOIN "user" u ON u.id = a.id
    WHERE a.id = :user_id"""

_BY_KEY = """
    SELECT u.id, u.email, u.name, u.role, NULL, TRUE
    FROM api_key k JOIN "user" u ON u.id = k.user_id
    WHERE k."key" = :key"""


class IdentityResolver:
    """Resolves credentials; the whole process shares one."""

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
        self._remembered: dict[str, tuple[float, Identity]] = {}
        self._seen: dict[str, int] = {}
        #: When it was last written that a user was seen, for those of whom it was within `seen_every` seconds.
        self._noted: dict[str, int] = {}
        self._seen_every = seen_every
        self._revocations = revocations
        bus.subscribe(UserChanged, lambda event: self.forget(event.user_id))
        bus.subscribe(UserDeleted, lambda event: self.forget(event.user_id))
        bus.subscribe(SessionsRevoked, lambda event: self.forget(event.user_id))
        bus.subscribe(TokenRevoked, lambda event: self.forget(event.user_id))

    def forget(self, user_id: str) -> None:
        """Ask the database again the next time this user comes."""
        for token, (_, identity) in list(self._remembered.items()):
            if identity.user.id == user_id:
                del self._remembered[token]

    def forget_all(self) -> None:
        self._remembered.clear()

    def find_cached(self, token: str) -> Identity | None:
        """The identity behind a session token if it is remembered: the way without a database."""
        known = self._remembered.get(token)
        if known is None:
            return None
        until, identity = known
        now = time.time()
        if now > until:
            del self._remembered[token]
            return None
        self._seen[identity.user.id] = int(now)
        return identity

    async def resolve(self, token: str, path: str) -> Identity:
        """The identity behind a token or an API key.

        Raises:
            Unauthorized: forged, expired, revoked, or of a user who is gone.
            Forbidden: an API key where keys are not allowed.
        """
        if token.startswith("sk-"):
            return await self._resolve_api_key(token, path)
        remembered = self.find_cached(token)
        if remembered is not None:
            return remembered
        claims = self._tokens.read(token)
        if claims is None or "id" not in claims:
            raise Unauthorized(messages.UNAUTHORIZED)
        known = await self._db.fetch_first(_Known, "identity.by_id", _BY_ID, user_id=claims["id"])
        if known is None or not known.active:
            raise Unauthorized(messages.INVALID_AUTHENTICATION)
        if claims.get("session_stamp") != known.stamp or claims.get("typ", "session") not in (
            "session",
            "automation",
            "subagent",
        ):
            raise Unauthorized("Invalid token")
        if known.id is None:
            raise Unauthorized(messages.INVALID_TOKEN)
        jti = claims.get("jti")
        if jti and await self._db.fetch_value(
            "identity.revoked", "SELECT 1 FROM fastback_revoked_token WHERE jti = :jti", jti=jti
        ):
            raise Unauthorized("Invalid token")
        if self._revocations is not None and await self._revocations.is_revoked(claims):
            raise Unauthorized("Invalid token")
        identity = Identity(User(known.id, known.email, known.name, known.role, "jwt"), token, claims)
        return self._cache(token, identity, until=claims.get("exp"))

    async def _resolve_api_key(self, key: str, path: str) -> Identity:
        identity = self.find_cached(key)
        if identity is None:
            known = await self._db.fetch_first(_Known, "identity.by_key", _BY_KEY, key=key)
            if known is None or known.id is None:
                raise Unauthorized(messages.INVALID_TOKEN)
            identity = self._cache(key, Identity(User(known.id, known.email, known.name, known.role, "api_key"), key))
        if not self._config.get(AUTH_ENABLE_API_KEYS):
            raise Forbidden(messages.API_KEY_NOT_ALLOWED)
        user = identity.user
        if not user.is_admin and not await self._permissions.has(user.id, "features.api_keys"):
            raise Forbidden(messages.API_KEY_NOT_ALLOWED)
        if self._config.get(AUTH_API_KEY_ENDPOINT_RESTRICTIONS):
            allowed = str(self._config.get(AUTH_API_KEY_ALLOWED_ENDPOINTS) or "")
            paths = [one.strip() for one in allowed.split(",") if one.strip()]
            if not any(path == one or path.startswith(one + "/") for one in paths):
                raise Forbidden(messages.ACCESS_PROHIBITED)
        return identity

    async def find(self, token: str | None, path: str) -> Identity | None:
        """Like `resolve`, None instead of an error."""
        if not token:
            return None
        try:
            return await self.resolve(token, path)
        except HttpError:
            return None

    def _cache(self, token: str, identity: Identity, until: int | None = None) -> Identity:
        now = time.time()
        if len(self._remembered) >= MOST:
            self._remembered.clear()
        deadline = now + REMEMBERED
        if until is not None:
            deadline = min(deadline, until)
        self._remembered[token] = (deadline, identity)
        self._seen[identity.user.id] = int(now)
        return identity

    async def save_last_seen(self) -> None:
        """Write when users were last seen; called every few seconds instead of once per request."""
        if not self._seen:
            return
        now = time.time()
        self._noted = {user_id: at for user_id, at in self._noted.items() if now - at < self._seen_every}
        seen = {user_id: at for user_id, at in self._seen.items() if user_id not in self._noted}
        self._seen = {}
        if not seen:
            return
        self._noted |= seen
        await self._db.execute_many(
            "identity.seen",
            'UPDATE "user" SET last_active_at = :at WHERE id = :user_id',
            [{"user_id": user_id, "at": at} for user_id, at in seen.items()],
        )
