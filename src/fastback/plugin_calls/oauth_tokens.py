"""`oauth.…`: tokens of users for the tool servers that they have signed in to."""

from __future__ import annotations

from typing import Any

from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.plugins.methods import HostMethods


class OAuthTokenMethods:
    """Read tokens for plugins."""

    def __init__(self, tokens: ToolServerTokens) -> None:
        self._tokens = tokens

    def add_to(self, methods: HostMethods) -> None:
        methods.add("oauth.find_client_token", self.find_client_token)

    async def find_client_token(self, user_id: str, client_id: str, renew: bool) -> dict[str, Any] | None:
        """Return the token response of a user for a client (`mcp:{server id}`), or None; with `renew`, a new one."""
        return await self._tokens.find(user_id, client_id, renew=renew)
