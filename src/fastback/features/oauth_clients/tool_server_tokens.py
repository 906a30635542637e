"""Access tokens of users for tool servers: renewed before they expire, and when a server refuses one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from fastback.features.oauth_clients.clients import OAuthClients
from fastback.features.oauth_clients.token_requests import TokenRefused, TokenRequestFailed, TokenRequests
from fastback.features.oauth_sessions.renewal import RenewalFailed, RenewalRefused, TokenRenewal
from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions, Token

log = logging.getLogger("fastback.oauth")

#: Seconds that a list of tools waits for the renewal of tokens.
_LIST_SECONDS = 3.0


class ToolServerTokens:
    """Reads and renews the tokens of users for tool servers."""

    def __init__(
        self, *, sessions: OAuthSessions, renewal: TokenRenewal, clients: OAuthClients, requests: TokenRequests
    ) -> None:
        self._sessions = sessions
        self._renewal = renewal
        self._clients = clients
        self._requests = requests

    async def find(self, user_id: str, client_id: str, *, renew: bool = False) -> Token | None:
        """Return the token response of a user for a server, with a valid `access_token`; None without one.

        With `renew`, the token is renewed, whether or not it expires soon.
        """
        session = await self._sessions.find_newest(user_id, client_id)
        return None if session is None else await self._renew(session, force=renew)

    async def find_access_token(self, user_id: str, client_id: str) -> str | None:
        """Return the access token of a user for a server, or None."""
        token = await self.find(user_id, client_id)
        return None if token is None else _get_access_token(token)

    async def replace_refused(self, user_id: str, client_id: str, refused: str) -> str | None:
        """Return another access token than one that the server has refused, or None.

        Where the session has no other token and cannot get one, it is deleted.
        """
        session = await self._sessions.find_newest(user_id, client_id)
        if session is None:
            return None
        stored = _get_access_token(session.token)
        if stored != refused:
            return stored  # another request has renewed it meanwhile
        token = await self._renew(session, force=True)
        access_token = None if token is None else _get_access_token(token)
        if access_token is not None and access_token != refused:
            return access_token
        if not session.token.get("refresh_token"):
            await self.delete(user_id, client_id)
        return None

    async def delete(self, user_id: str, client_id: str) -> None:
        """Delete the sessions of a user at a server, who has to sign in there again."""
        if await self._sessions.delete_of_user(user_id, client_id):
            log.info("OAuth session of user %s for %s deleted: the server accepts no token", user_id, client_id)

    async def list_authenticated(self, user_id: str, client_ids: Iterable[str]) -> set[str]:
        """Return the clients for which a user has a valid token.

        Tokens that have expired are renewed, all at the same time; those that take too long count as invalid.
        """
        wanted_ids = set(client_ids)
        if not wanted_ids:
            return set()
        newest: dict[str, OAuthSession] = {}
        for session in await self._sessions.list_of_user(user_id):
            if session.provider in wanted_ids:
                newest.setdefault(session.provider, session)
        now = time.time()
        expired = [session for session in newest.values() if session.expires_at <= now]
        renewed = await asyncio.gather(*(self._renew_in_time(session) for session in expired))
        return newest.keys() - {session.provider for session, ok in zip(expired, renewed, strict=True) if not ok}

    async def _renew_in_time(self, session: OAuthSession) -> bool:
        """Return whether a session has a valid token after a short time; a longer renewal goes on."""
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                return await self._renew(session) is not None
        except TimeoutError:
            return False

    async def replace(self, user_id: str, client_id: str, token: Token) -> None:
        """Store a new token of a user for a server, instead of earlier ones."""
        await self._sessions.create(user_id, client_id, token, limit=1)

    async def _renew(self, session: OAuthSession, *, force: bool = False) -> Token | None:
        token = await self._renewal.get_valid_token(session, self._request_token, force=force)
        if token is None and not session.token.get("refresh_token"):
            await self.delete(session.user_id, session.provider)  # nothing can renew it
        return token

    async def _request_token(self, session: OAuthSession) -> Token:
        client = await self._clients.find(session.provider)
        if client is None:
            raise RenewalFailed("the tool server has no client")
        try:
            return await self._requests.refresh(client, str(session.token["refresh_token"]))
        except TokenRefused as error:
            raise RenewalRefused(str(error)) from None
        except TokenRequestFailed as error:
            raise RenewalFailed(str(error)) from None


def _get_access_token(token: Token) -> str | None:
    access_token = token.get("access_token")
    return access_token if isinstance(access_token, str) and access_token else None
