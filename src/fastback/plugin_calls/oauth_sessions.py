"""`oauth_sessions.…`: sessions of users at OAuth providers, with their tokens."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions
from fastback.kit.db import IntegrityError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class OAuthSessionMethods:
    """Read and change sessions for plugins. Tokens are decrypted here: their key stays in the server."""

    def __init__(self, sessions: OAuthSessions) -> None:
        self._sessions = sessions

    def add_to(self, methods: HostMethods) -> None:
        methods.add("oauth_sessions.create", self.create_session)
        methods.add("oauth_sessions.find", self.find_session)
        methods.add("oauth_sessions.find_newest", self.find_newest_session)
        methods.add("oauth_sessions.list", self.list_sessions)
        methods.add("oauth_sessions.update", self.update_session)
        methods.add("oauth_sessions.delete", self.delete_session)
        methods.add("oauth_sessions.delete_of_user", self.delete_sessions)
        methods.add("oauth_sessions.delete_provider", self.delete_provider)

    async def create_session(self, user_id: str, provider: str, token: Json) -> Json:
        """Store the token of a user, and return the session.

        Raises:
            RemoteFailure: of the kind `invalid`: there is no such user.
        """
        try:
            return msgspec.structs.asdict(await self._sessions.create(user_id, provider, token))
        except IntegrityError as error:
            raise RemoteFailure("invalid", str(error)) from None

    async def find_session(self, session_id: str, user_id: str | None = None) -> Json | None:
        """Return a session by id, with `user_id` only one of this user."""
        return _encode_session(await self._sessions.find(session_id, user_id=user_id))

    async def find_newest_session(self, user_id: str, provider: str) -> Json | None:
        return _encode_session(await self._sessions.find_newest(user_id, provider))

    async def list_sessions(self, user_id: str) -> list[Json]:
        return [msgspec.structs.asdict(session) for session in await self._sessions.list_of_user(user_id)]

    async def update_session(self, session_id: str, token: Json) -> Json | None:
        """Replace the token of a session, and return the session."""
        await self._sessions.update_token(session_id, token)
        return await self.find_session(session_id)

    async def delete_session(self, session_id: str) -> bool:
        return await self._sessions.delete(session_id)

    async def delete_sessions(self, user_id: str, provider: str | None = None) -> int:
        """Delete the sessions of a user, at one provider or at all, and return their number."""
        return await self._sessions.delete_of_user(user_id, provider)

    async def delete_provider(self, provider: str) -> int:
        return await self._sessions.delete_provider(provider)


def _encode_session(session: OAuthSession | None) -> Json | None:
    return None if session is None else msgspec.structs.asdict(session)
