"""Tokens of users in calls of MCP servers that they have signed in to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.features.tools.mcp_targets import McpTarget, McpUnauthorized

T = TypeVar("T")


class McpAuthorization:
    """Adds tokens to calls, and replaces those that a server refuses."""

    def __init__(self, tokens: ToolServerTokens) -> None:
        self._tokens = tokens

    async def run(self, target: McpTarget, call: Callable[[McpTarget], Awaitable[T]]) -> T:
        """Call a server with the token of the target's owner; once more with another one, where it refuses that.

        The owner's session is deleted where it has no second token, or the server refuses that, too.

        Raises:
            McpUnauthorized: the owner has to sign in to the server. Exception: what the call raises.
        """
        token = await self._tokens.find_access_token(target.owner, target.client_id)
        if token is None:
            raise McpUnauthorized(f"MCP server '{target.id}' requires the user to sign in to it")
        try:
            return await call(target.add_token(token))
        except McpUnauthorized:
            replacement = await self._tokens.replace_refused(target.owner, target.client_id, token)
            if replacement is None:
                raise
        try:
            return await call(target.add_token(replacement))
        except McpUnauthorized:
            await self._tokens.delete(target.owner, target.client_id)
            raise
