"""`WS /api/ws/chat`: chat completions over a WebSocket, for clients without Socket.IO.

A client is authenticated as over HTTP: by a token (or API key) in the `Authorization` header, the cookie `token` or the
header `X-API-Key`. Clients that cannot send headers put the token into their first message (`{"token": …}`), or into
the query (`?token=`), which proxies may log. A page of another origin cannot use the cookie.

Each text message is the body of a chat completion, with an optional `metadata: {chat_id, message_id}` that names the
new message in which the answer is stored. The chunks of the stream come back as they are, then `[DONE]`; errors as
`{"error": …}`. `{"cancel": true}` stops the running turn. A socket runs one turn at a time. When the user's session
ends, a running turn is stopped, and the socket is closed with the code 4401.
"""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from fastback import messages
from fastback.access.events import AllSessionsRevoked, GroupsChanged, SessionsRevoked, TokenRevoked, UserDeleted
from fastback.access.guards import read_bearer_token, read_token, require_matching_header
from fastback.access.identity import Identity, IdentityResolver
from fastback.completions.doors.websocket_session import (
    ChatSocketServices,
    ChatSocketSession,
    Disconnected,
    FindIdentity,
    SessionEnded,
)
from fastback.kit.bus import EventsLost
from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.http.errors import HttpError
from fastback.kit.http.websocket_protocol import allow_large_messages
from fastback.settings import Settings

PATH = "/api/ws/chat"

#: Seconds that a client has to send its token.
AUTHENTICATION_TIMEOUT = 10
#: Seconds that a client has to read the last message; then its connection is closed without one.
_CLOSE_TIMEOUT = 1.0

_UNAUTHORIZED = {"type": "websocket.close", "code": 4401, "reason": "Unauthorized"}
_TOO_MANY = {"type": "websocket.close", "code": 1013, "reason": "Too many sockets"}
_FOREIGN_ORIGIN = {"type": "websocket.close", "code": 4403, "reason": "Origin not allowed"}


class _TooManySockets(Exception):
    """The user has too many sockets open."""


class ChatSocket:
    """The endpoint, as an ASGI application. It ends the sockets of users whose sessions end, as Socket.IO does."""

    def __init__(
        self,
        *,
        identities: IdentityResolver,
        services: ChatSocketServices,
        limits: ConnectionLimits,
        settings: Settings,
    ) -> None:
        self._identities = identities
        self._limits = limits
        self._services = services
        self._trusted_header = settings.webui_auth_trusted_email_header
        self._max_user_sockets = settings.fastback_max_sockets_per_user
        self._allowed_origins = frozenset(settings.cors_allow_origin.split(";"))
        #: The sessions by the id of their user.
        self._sessions: dict[str, set[ChatSocketSession]] = {}
        bus = services.storage.bus
        bus.subscribe(SessionsRevoked, lambda event: self._end_sessions(event.user_id), elsewhere=True)
        bus.subscribe(AllSessionsRevoked, lambda event: self._end_sessions(*self._sessions), elsewhere=True)
        bus.subscribe(UserDeleted, lambda event: self._end_sessions(event.user_id), elsewhere=True)
        bus.subscribe(GroupsChanged, lambda event: self._end_sessions(*event.user_ids), elsewhere=True)
        bus.subscribe(TokenRevoked, lambda event: self._end_revoked_sessions(event.user_id), elsewhere=True)
        bus.subscribe(EventsLost, lambda event: self._end_revoked_sessions(*self._sessions))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        connection = HTTPConnection(scope)
        find_identity = partial(self._find_identity, connection)
        token = connection.query_params.get("token")
        if not token:
            token = read_token(connection)
            if self._is_forged(connection, token):
                await send(_FOREIGN_ORIGIN)
                return
        identity = await find_identity(token)
        if token and identity is None:
            await send(_UNAUTHORIZED)
            return
        await send({"type": "websocket.accept"})
        session = ChatSocketSession(services=self._services, scope=scope, receive=receive, send=send)
        try:
            if identity is None:
                with self._limits.hold_stranger(scope):
                    identity = await _authenticate(session, find_identity)
            allow_large_messages(scope)
            await self._run_session(session, identity, find_identity)
        except Disconnected:
            pass
        except _TooManySockets:
            await send(_TOO_MANY)
        except SessionEnded:
            await _close_socket(session, send)

    def _is_forged(self, connection: HTTPConnection, token: str | None) -> bool:
        """Return whether the token is a cookie that the browser sent for a page of another origin."""
        if token is None or token == read_bearer_token(connection) or token != connection.cookies.get("token"):
            return False
        origin = connection.headers.get("origin")
        if origin is None or origin in self._allowed_origins:
            return False
        forwarded_host = connection.headers.get("x-forwarded-host", "").partition(",")[0].strip()
        own_hosts = {connection.headers.get("host", "").lower(), forwarded_host.lower()} - {""}
        return urlsplit(origin).netloc.lower() not in own_hosts

    async def _find_identity(self, connection: HTTPConnection, token: str | None) -> Identity | None:
        """Return the identity behind a token; None where there is no such verified user, or no longer."""
        identity = await self._identities.find(token, PATH)
        if identity is None or not identity.user.is_verified:
            return None
        try:
            require_matching_header(connection, identity, self._trusted_header)
        except HttpError:
            return None
        return identity

    # -- sessions --------------------------------------------------------------------------------------------------

    async def _run_session(self, session: ChatSocketSession, identity: Identity, find_identity: FindIdentity) -> None:
        sessions = self._sessions.setdefault(identity.user.id, set())
        if len(sessions) >= self._max_user_sockets:
            raise _TooManySockets
        sessions.add(session)
        try:
            await session.run(identity.token, find_identity)
        finally:
            sessions.discard(session)
            if not sessions:
                self._sessions.pop(identity.user.id, None)

    def _end_sessions(self, *user_ids: str) -> None:
        for user_id in user_ids:
            for session in self._sessions.get(user_id, ()):
                session.end()

    async def _end_revoked_sessions(self, *user_ids: str) -> None:
        """End the sessions of users whose tokens are no longer valid."""
        for session in [session for user_id in user_ids for session in self._sessions.get(user_id, ())]:
            if await self._identities.find(session.token, PATH) is None:
                session.end()


async def _authenticate(session: ChatSocketSession, find_identity: FindIdentity) -> Identity:
    """Return the identity of the token in the first message.

    Raises:
        SessionEnded: the token is missing or invalid.
    """
    try:
        message = await asyncio.wait_for(session.receive_json(), AUTHENTICATION_TIMEOUT)
    except TimeoutError:
        raise SessionEnded from None
    token = message.get("token") if isinstance(message, dict) else None
    identity = await find_identity(token if isinstance(token, str) else None)
    if identity is None:
        raise SessionEnded
    return identity


async def _close_socket(session: ChatSocketSession, send: Send) -> None:
    """Tell the client that it is not signed in, or no longer, and close the socket."""

    async def say_goodbye() -> None:
        await session.send_error(messages.NOT_AUTHENTICATED)
        await send(_UNAUTHORIZED)

    try:
        await asyncio.wait_for(say_goodbye(), _CLOSE_TIMEOUT)
    except (TimeoutError, OSError, RuntimeError):
        pass  # the client reads nothing, or is gone
