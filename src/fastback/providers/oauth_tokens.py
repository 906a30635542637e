"""Tokens of users at the provider that they signed in with, for servers that accept these (`system_oauth`)."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from fastback.providers.request_context import RequestContext

#: The value of `auth_type` of connections that send the user's token.
SYSTEM_OAUTH = "system_oauth"
#: The cookie that names the session of a browser at its provider.
SESSION_COOKIE = "oauth_session_id"

Token = dict[str, Any]


class TokenSource(Protocol):
    """Finds token responses; the feature that signs users in supplies it."""

    async def find(self, user_id: str, session_id: str = "") -> Token | None:
        """Return the token response of a session, or of the user's newest valid one, or None."""

    async def find_of_administrator(self) -> Token | None:
        """Return the token response of the administrator who signed in last, or None."""


class OAuthTokens:
    """Finds the tokens of users; without a source, users have no tokens."""

    def __init__(self) -> None:
        self._source: TokenSource | None = None

    def set_source(self, source: TokenSource) -> None:
        """Use a source from now on."""
        self._source = source

    async def find(self, ctx: RequestContext) -> Token | None:
        """Return the token response of the user of a request, or None."""
        if self._source is None or ctx.user is None:
            return None
        return await self._source.find(ctx.user.id, ctx.cookies.get(SESSION_COOKIE, ""))

    async def find_access_token(self, ctx: RequestContext) -> str:
        """Return the access token of the user of a request, or an empty text."""
        return _get_access_token(await self.find(ctx))

    async def add_to(self, auth_type: Any, ctx: RequestContext) -> RequestContext:
        """Return the context with the user's access token, where a connection with this `auth_type` sends it.

        On behalf of no user, for a list of models, it is that of the administrator who signed in last.
        """
        if auth_type != SYSTEM_OAUTH or self._source is None:
            return ctx
        if ctx.user is not None:
            token = await self.find_access_token(ctx)
        else:
            token = _get_access_token(await self._source.find_of_administrator())
        return msgspec.structs.replace(ctx, oauth_token=token)


def _get_access_token(token: Token | None) -> str:
    access_token = None if token is None else token.get("access_token")
    return access_token if isinstance(access_token, str) else ""
