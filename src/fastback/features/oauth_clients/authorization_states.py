"""Authorizations that users have begun, stored until the authorization server sends the user back.

A state can be used once, within an hour, in the browser that has begun. Otherwise a user could send the link to an
authorization server to another user, and would get access to the account of that user there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

import msgspec

from fastback.features.oauth_clients import state_store
from fastback.features.oauth_sessions.token_cipher import ClientInfoCipher, UndecryptableError
from fastback.kit.db import Database

#: Seconds that a user may take to consent, and authorizations of one user that may be under way.
LIFETIME, _MAX_STATES = 3600, 20
_MAX_STATE_LENGTH = 128


class PendingAuthorization(msgspec.Struct):
    """An authorization that a user has begun.

    Attributes:
        client_id: the id of the tool server's client.
        registered_id: the client's identifier at the authorization server.
        verifier: the secret of PKCE; empty where the server does not know PKCE.
        browser: the digest of the secret that the browser keeps in a cookie.
    """

    user_id: str
    client_id: str
    registered_id: str
    redirect_uri: str
    verifier: str
    browser: str


class AuthorizationStates:
    """Stores authorizations, encrypted, under the digest of their state; any process finishes them."""

    def __init__(self, db: Database, cipher: ClientInfoCipher) -> None:
        self._db = db
        self._cipher = cipher

    async def store(self, pending: PendingAuthorization) -> str:
        """Store an authorization and return its state."""
        await self._cipher.prepare()
        state, now = secrets.token_urlsafe(32), int(time.time())
        await state_store.insert_state(
            self._db,
            digest=hash_secret(state),
            user_id=pending.user_id,
            content=self._cipher.encrypt(msgspec.to_builtins(pending)),
            expires_at=now + LIFETIME,
            now=now,
            limit=_MAX_STATES,
        )
        return state

    async def take(self, state: str, *, client_id: str, browser: str) -> PendingAuthorization | None:
        """Return the authorization of a state, which is invalid from then on.

        None where the state is unknown, was used, has expired, or is that of another client or browser. `browser` is
        the secret in the browser's cookie.
        """
        if not state or len(state) > _MAX_STATE_LENGTH:
            return None
        content = await state_store.take_state(self._db, hash_secret(state), int(time.time()))
        if content is None:
            return None
        await self._cipher.prepare()
        try:
            pending = msgspec.convert(self._cipher.decrypt(content), PendingAuthorization)
        except (UndecryptableError, msgspec.ValidationError):
            return None
        if pending.client_id != client_id or not hmac.compare_digest(pending.browser, hash_secret(browser)):
            return None
        return pending


def hash_secret(secret: str) -> str:
    """Return the digest of a state, or of a browser's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
