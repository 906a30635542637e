"""Sessions of users at OAuth providers, with their decrypted tokens."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from fastback.features.oauth_sessions import store
from fastback.features.oauth_sessions.store import SessionRow
from fastback.features.oauth_sessions.token_cipher import SessionTokenCipher, UndecryptableError
from fastback.features.oauth_sessions.token_expiry import DEFAULT_LIFETIME, read_seconds
from fastback.kit.db import Database

log = logging.getLogger("fastback.oauth")

Token = dict[str, Any]

#: Sessions that are decrypted at once.
_BATCH = 100


class OAuthSession(msgspec.Struct):
    """A session of a user at a provider.

    Attributes:
        provider: the name of a sign-in provider (`google`), or `mcp:{server id}` for a tool server.
        token: the token response with `access_token`, `refresh_token`, `id_token`, …
        expires_at: when the access token expires (Unix time).
    """

    id: str
    user_id: str
    provider: str
    token: Token
    expires_at: int
    created_at: int
    updated_at: int


def _get_expiry(token: Token) -> int:
    expires_at = read_seconds(token.get("expires_at"))
    return int(time.time()) + DEFAULT_LIFETIME if expires_at is None else expires_at


class OAuthSessions:
    """Stores the tokens that providers issue for users, encrypted."""

    def __init__(self, db: Database, cipher: SessionTokenCipher) -> None:
        self._db = db
        self._cipher = cipher

    async def create(self, user_id: str, provider: str, token: Token, *, limit: int | None = None) -> OAuthSession:
        """Store the token of a user; with `limit`, only the newest sessions at the provider remain."""
        await self._cipher.prepare()
        now = int(time.time())
        row = SessionRow(
            str(uuid.uuid4()), user_id, provider, self._cipher.encrypt(token), _get_expiry(token), now, now
        )
        async with self._db.transaction() as tx:
            if limit is not None:
                await store.delete_older_sessions(tx, user_id, provider, count=max(limit - 1, 0))
            await store.insert_session(tx, row)
        return OAuthSession(row.id, user_id, provider, token, row.expires_at, now, now)

    async def find(self, session_id: str, *, user_id: str | None = None) -> OAuthSession | None:
        """Return a session by id, with `user_id` only one of this user; None where its token cannot be decrypted."""
        row = await store.find_session(self._db, session_id)
        if row is None or (user_id is not None and row.user_id != user_id):
            return None
        return await self._decrypt(row)

    async def find_newest(self, user_id: str, provider: str) -> OAuthSession | None:
        """Return the newest session of a user at a provider; None where its token cannot be decrypted."""
        row = await store.find_newest_session(self._db, user_id, provider)
        return None if row is None else await self._decrypt(row)

    async def list_of_user(self, user_id: str) -> list[OAuthSession]:
        """List the sessions of a user at all providers, the newest first, without those that cannot be decrypted."""
        sessions = [await self._decrypt(row) for row in await store.list_sessions(self._db, user_id)]
        return [session for session in sessions if session is not None]

    async def list_newest(self, user_ids: list[str], *, count: int) -> list[OAuthSession]:
        """List sessions of these users that were stored or renewed last."""
        rows = await store.list_newest_sessions(self._db, user_ids, count=count)
        sessions = [await self._decrypt(row) for row in rows]
        return [session for session in sessions if session is not None]

    async def iterate_provider(self, provider: str) -> AsyncIterator[list[OAuthSession]]:
        """Yield the sessions of all users at a provider, some at a time."""
        last_id = ""
        while rows := await store.list_provider_sessions(self._db, provider, after=last_id, count=_BATCH):
            last_id = rows[-1].id
            sessions = [await self._decrypt(row) for row in rows]
            yield [session for session in sessions if session is not None]

    async def update_token(self, session_id: str, token: Token) -> bool:
        """Replace the token of a session and return whether the session exists."""
        await self._cipher.prepare()
        return await store.update_token(
            self._db,
            session_id,
            token=self._cipher.encrypt(token),
            expires_at=_get_expiry(token),
            now=int(time.time()),
        )

    async def delete(self, session_id: str) -> bool:
        """Delete a session and return whether it existed."""
        return await store.delete_session(self._db, session_id)

    async def delete_of_user(self, user_id: str, provider: str | None = None) -> int:
        """Delete the sessions of a user, at one provider or at all, and return their number."""
        if provider is not None:
            return await store.delete_sessions_at_provider(self._db, user_id, provider)
        return await store.delete_sessions(self._db, user_id)

    async def delete_provider(self, provider: str) -> int:
        """Delete the sessions of all users at a provider and return their number."""
        return await store.delete_provider(self._db, provider)

    async def _decrypt(self, row: SessionRow) -> OAuthSession | None:
        await self._cipher.prepare()
        try:
            token = self._cipher.decrypt(row.token)
        except UndecryptableError as error:
            log.warning("decryption of OAuth session %s failed, session skipped: %s", row.id, error)
            return None
        if not isinstance(token, dict):
            log.warning("invalid token in OAuth session %s, session skipped", row.id)
            return None
        return OAuthSession(row.id, row.user_id, row.provider, token, row.expires_at, row.created_at, row.updated_at)
