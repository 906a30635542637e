"""`oauth.…`: tokens of users at the provider that they signed in with, and at tool servers."""

from __future__ import annotations

from typing import Any

from fastback.features.oauth.user_tokens import SignInTokens
from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.plugins.methods import HostMethods


class OAuthTokenMethods:
    """Read tokens for plugins."""

    def __init__(self, sign_in_tokens: SignInTokens, client_tokens: ToolServerTokens) -> None:
        self._sign_in_tokens = sign_in_tokens
        self._client_tokens = client_tokens

    def add_to(self, methods: HostMethods) -> None:
        methods.add("oauth.find_token", self.find_token)
        methods.add("oauth.find_session_token", self.find_session_token)
        methods.add("oauth.find_client_token", self.find_client_token)

    async def find_token(self, user_id: str, session_id: str) -> dict[str, Any] | None:
        """Return the token response of a session, or of the user's newest valid one, or None."""
        return await self._sign_in_tokens.find(user_id, session_id)

    async def find_session_token(self, user_id: str, session_id: str) -> dict[str, Any] | None:
        """Return the token response of a session, or None."""
        return await self._sign_in_tokens.find_in_session(user_id, session_id)

    async def find_client_token(self, user_id: str, client_id: str, renew: bool) -> dict[str, Any] | None:
        """Return the token response of a user for a client (`mcp:{server id}`), or None; with `renew`, a new one."""
        return await self._client_tokens.find(user_id, client_id, renew=renew)
