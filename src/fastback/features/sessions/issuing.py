"""Issue sessions: the token, the response around it, and the event."""

from __future__ import annotations

import time

from fastback.access.activity import ActivityEvent
from fastback.access.credential_store import Credential
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.access.tokens import TokenSigner, parse_duration
from fastback.config import Config
from fastback.config.keys.auth import AUTH_JWT_EXPIRY
from fastback.features.sessions.schemas import Session
from fastback.features.users import store as users
from fastback.kit.bus import Bus

#: The lifetime of a session (seconds) where the configured duration is invalid.
_DEFAULT_LIFETIME = 28 * 86400


class SessionIssuer:
    """Issues the session of a completed sign-in."""

    def __init__(self, *, config: Config, tokens: TokenSigner, permissions: Permissions, bus: Bus) -> None:
        self._config = config
        self._tokens = tokens
        self._permissions = permissions
        self._bus = bus

    def get_lifetime(self) -> int | None:
        """Return the seconds after which a session expires; None: never."""
        try:
            return parse_duration(self._config.get_text(AUTH_JWT_EXPIRY))
        except ValueError:
            return _DEFAULT_LIFETIME

    async def issue(
        self, account: Credential, *, method: str, mfa_verified: bool = False, auth_time: int | None = None
    ) -> Session:
        """Return the session of a completed sign-in, with a new token.

        `method` is how the person signed in, such as `password`; `auth_time` is when (Unix time), where a second
        factor followed.
        """
        lifetime = self.get_lifetime()
        token = self._tokens.create_session_token(
            account.id,
            method=method,
            stamp=account.session_stamp,
            lifetime=lifetime,
            mfa_verified=mfa_verified,
            auth_time=auth_time,
        )
        user = User(id=account.id, email=account.email, name=account.name, role=account.role)
        await self._bus.publish(
            ActivityEvent("auth.login", user, account.id, "user", {"auth_method": method}, source=method)
        )
        return Session(
            id=account.id,
            name=account.name,
            role=account.role,
            email=account.email,
            profile_image_url=users.build_default_picture_url(account.id),
            token=token,
            token_type="Bearer",
            expires_at=None if lifetime is None else int(time.time()) + lifetime,
            permissions=await self._permissions.get_tree(account.id),
        )
