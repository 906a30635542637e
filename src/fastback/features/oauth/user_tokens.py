"""The tokens of users at the provider that they signed in with, renewed before they expire."""

from __future__ import annotations

import logging

from fastback.config import Config
from fastback.config.keys.oauth import OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE
from fastback.features.oauth.authorization import Authorization, Token
from fastback.features.oauth.errors import ProviderError, ProviderRefusal
from fastback.features.oauth.providers import Providers
from fastback.features.oauth.signed_tokens import read_unverified
from fastback.features.oauth_sessions.renewal import RenewalFailed, RenewalRefused, TokenRenewal
from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions
from fastback.features.oauth_sessions.token_expiry import read_seconds
from fastback.features.users import store as users
from fastback.kit.db import Database

log = logging.getLogger("fastback.oauth")

#: Sessions of administrators that are tried for a list of models.
_MAX_ADMINISTRATORS = 20
#: The beginning of the names under which tool servers store sessions.
_TOOL_SERVERS = "mcp:"


class SignInTokens:
    """Finds the tokens of users at their sign-in providers."""

    def __init__(
        self,
        *,
        db: Database,
        sessions: OAuthSessions,
        renewal: TokenRenewal,
        providers: Providers,
        authorization: Authorization,
        config: Config,
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._renewal = renewal
        self._providers = providers
        self._authorization = authorization
        self._config = config

    async def find(self, user_id: str, session_id: str = "") -> Token | None:
        """Return the token response of a session, or of the user's newest valid one, or None.

        `session_id` is that of the browser; requests of automations and API clients have none.
        """
        if not self._providers.list_all():
            return None
        token = await self.find_in_session(user_id, session_id)
        if token is not None:
            return token
        sessions = await self._sessions.list_of_user(user_id)
        for session in sorted(sessions, key=lambda session: session.updated_at, reverse=True):
            if session.id == session_id or session.provider.startswith(_TOOL_SERVERS):
                continue
            token = await self._get_valid_token(session)
            if token is not None:
                return token
        return None

    async def find_in_session(self, user_id: str, session_id: str) -> Token | None:
        """Return the token response of a session of a user, or None."""
        session = await self._sessions.find(session_id, user_id=user_id) if session_id else None
        if session is None or session.provider.startswith(_TOOL_SERVERS):
            return None
        return await self._get_valid_token(session)

    async def find_of_administrator(self) -> Token | None:
        """Return the token response of the administrator who signed in last, or None.

        Lists of models are requested on behalf of no user.
        """
        if not self._providers.list_all():
            return None
        admin_ids = await users.list_admin_ids(self._db)
        for session in await self._sessions.list_newest(sorted(admin_ids), count=_MAX_ADMINISTRATORS):
            if not session.provider.startswith(_TOOL_SERVERS):
                token = await self._get_valid_token(session)
                if token is not None:
                    return token
        return None

    async def _get_valid_token(self, session: OAuthSession) -> Token | None:
        return await self._renewal.get_valid_token(session, self._request_token, renew_at=_get_id_token_expiry(session))

    async def _request_token(self, session: OAuthSession) -> Token:
        provider = self._providers.find_configured(session.provider)
        if provider is None:
            raise RenewalFailed("the provider is not configured")
        with_scope = self._config.get_bool(OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE)
        try:
            token = await self._authorization.refresh(
                provider, str(session.token["refresh_token"]), with_scope=with_scope
            )
        except ProviderRefusal as error:
            raise RenewalRefused(str(error)) from None
        except ProviderError as error:
            raise RenewalFailed(str(error)) from None
        if "userinfo" in session.token:
            token.setdefault("userinfo", session.token["userinfo"])  # it names the session at the provider
        return token


def _get_id_token_expiry(session: OAuthSession) -> int | None:
    """Return when the ID token expires, which tools may use beside the access token, or None."""
    id_token = session.token.get("id_token")
    claims = read_unverified(id_token) if isinstance(id_token, str) else None
    return None if claims is None else read_seconds(claims.get("exp"))
