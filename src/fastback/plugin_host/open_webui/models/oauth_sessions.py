"""Sessions of users at OAuth providers."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class OAuthSessionModel(Record):
    id: str
    user_id: str
    provider: str
    token: dict[str, Any]
    expires_at: int
    created_at: int
    updated_at: int


class OAuthSessionResponse(Record):
    id: str
    user_id: str
    provider: str
    expires_at: int


class OAuthSessionTable(RecordTable):
    table = "oauth_session"
    model = OAuthSessionModel

    async def _get(self, method: str, **params: Any) -> Any:
        session = await self._call(method, **params)
        return OAuthSessionModel.model_validate(session) if session else None

    @awaited_or_not
    async def create_session(self, user_id: str, provider: str, token: dict[str, Any], db: Any = None) -> Any:
        return await self._get("oauth_sessions.create", user_id=user_id, provider=provider, token=token)

    @awaited_or_not
    async def get_session_by_id(self, session_id: str, db: Any = None) -> Any:
        return await self._get("oauth_sessions.find", session_id=session_id)

    @awaited_or_not
    async def get_session_by_id_and_user_id(self, session_id: str, user_id: str, db: Any = None) -> Any:
        return await self._get("oauth_sessions.find", session_id=session_id, user_id=user_id)

    @awaited_or_not
    async def get_session_by_provider_and_user_id(self, provider: str, user_id: str, db: Any = None) -> Any:
        """Return the user's newest session at the provider."""
        return await self._get("oauth_sessions.find_newest", user_id=user_id, provider=provider)

    @awaited_or_not
    async def get_sessions_by_user_id(self, user_id: str, db: Any = None) -> Any:
        sessions = await self._call("oauth_sessions.list", user_id=user_id) or []
        return [OAuthSessionModel.model_validate(session) for session in sessions]

    @awaited_or_not
    async def update_session_by_id(self, session_id: str, token: dict[str, Any], db: Any = None) -> Any:
        return await self._get("oauth_sessions.update", session_id=session_id, token=token)

    @awaited_or_not
    async def delete_session_by_id(self, session_id: str, db: Any = None) -> Any:
        return bool(await self._call("oauth_sessions.delete", session_id=session_id))

    @awaited_or_not
    async def delete_sessions_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._call("oauth_sessions.delete_of_user", user_id=user_id) is not None

    @awaited_or_not
    async def delete_sessions_by_user_id_and_provider(self, user_id: str, provider: str, db: Any = None) -> Any:
        return bool(await self._call("oauth_sessions.delete_of_user", user_id=user_id, provider=provider))

    @awaited_or_not
    async def delete_sessions_by_provider(self, provider: str, db: Any = None) -> Any:
        return await self._call("oauth_sessions.delete_provider", provider=provider) is not None


OAuthSessions = OAuthSessionTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"OAuthSession": "oauth_session"})
