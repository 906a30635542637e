"""Access to connections of tool servers and terminal servers, and their headers."""

from __future__ import annotations

from typing import Any

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.openai import make_user_headers
from fastback.providers.request_context import RequestContext, add_connection_headers, add_groups
from fastback.settings import Settings


def may_use_connection(connection: dict[str, Any], user: User, group_ids: list[str], settings: Settings) -> bool:
    """Return whether a user may use a connection, by its `config.access_grants`; without any, administrators may."""
    if user.is_admin and settings.bypass_admin_access_control:
        return True
    grants = (connection.get("config") or {}).get("access_grants") or []
    if not grants:
        return user.is_admin
    return any(
        isinstance(grant, dict)
        and grant.get("permission") == "read"
        and (
            (grant.get("principal_type") == "user" and grant.get("principal_id") in ("*", user.id))
            or (grant.get("principal_type") == "group" and grant.get("principal_id") in group_ids)
        )
        for grant in grants
    )


class ServerHeaders:
    """Builds the headers of requests to tool servers and terminal servers."""

    def __init__(self, *, permissions: Permissions, settings: Settings, tokens: OAuthTokens) -> None:
        self._permissions = permissions
        self._settings = settings
        self._tokens = tokens

    async def build(self, connection: dict[str, Any], ctx: RequestContext) -> dict[str, str]:
        """Return the headers for a server: the key or a token of the user, and the connection's own headers."""
        auth_type = connection.get("auth_type") or "bearer"
        ctx = await self._tokens.add_to(auth_type, ctx)
        credentials = {"bearer": connection.get("key"), "session": ctx.token, "system_oauth": ctx.oauth_token}
        credential = credentials.get(auth_type)
        credential = credential.strip() if isinstance(credential, str) else ""
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        own = connection.get("headers")
        return add_connection_headers(headers, own, await add_groups(own, ctx, self._permissions))

    async def build_for_call(self, connection: dict[str, Any], ctx: RequestContext) -> dict[str, str]:
        """Return the headers for a call of a tool: those of the server, and what settings forward of user and chat.

        The user's cookies go along where the connection says so.
        """
        settings = self._settings
        headers = await self.build(connection, ctx)
        if settings.enable_forward_user_info_headers and ctx.user is not None:
            headers |= make_user_headers(ctx.user, settings)
            if ctx.chat_id:
                headers[settings.forward_session_info_header_chat_id] = ctx.chat_id
            if ctx.message_id:
                headers[settings.forward_session_info_header_message_id] = ctx.message_id
        if connection.get("forward_cookies") and ctx.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in ctx.cookies.items())
        return headers
