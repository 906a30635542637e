"""`WS /api/v1/terminals/{server_id}/api/terminals/{session_id}`: a terminal in the page, forwarded to its server.

The client authenticates with its first message: `{"type": "auth", "token": "…", "chat_id": "…"}`. Its access is
checked again every 10 seconds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from fastback.access.activity import ActivityEvent
from fastback.access.identity import IdentityResolver, User
from fastback.features.terminals import servers
from fastback.features.terminals.servers import Connection, TerminalRefused, TerminalServers
from fastback.kit.bus import Bus
from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.http.websocket_protocol import allow_large_messages
from fastback.kit.json_decoding import decode_json
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

PATH = "/api/v1/terminals/{server_id}/api/terminals/{session_id}"

log = logging.getLogger("fastback.terminals")

#: Time limit for the client's first message, and time between two checks of its access (seconds).
AUTH_TIMEOUT, ACCESS_CHECK_INTERVAL = 10.0, 10.0
#: Time limit for the server to open the terminal (seconds): it may have to start a machine first.
CONNECT_TIMEOUT = 300.0


class TerminalSocket:
    """The WebSocket endpoint, an ASGI application; `path_params` of the scope holds the ids of server and session."""

    def __init__(
        self,
        *,
        identities: IdentityResolver,
        terminals: TerminalServers,
        client: aiohttp.ClientSession,
        limits: ConnectionLimits,
        settings: Settings,
        bus: Bus,
    ) -> None:
        self._identities = identities
        self._terminals = terminals
        self._client = client
        self._limits = limits
        self._settings = settings
        self._bus = bus

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        server_id, session_id = scope["path_params"]["server_id"], scope["path_params"]["session_id"]
        try:
            with self._limits.hold_stranger(scope):
                auth = await _receive_auth(receive)
            token, chat_id = str(auth.get("token") or ""), auth.get("chat_id")
            user, connection = await self._authorise(server_id, token)
            allow_large_messages(scope)
            url, headers = _build_target(connection, user, session_id, chat_id if isinstance(chat_id, str) else "")
        except TerminalRefused as refused:
            await _close_socket(send, refused)
            return
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                websocket = await self._client.ws_connect(url, headers=headers, ssl=build_client_ssl(self._settings))
            async with websocket as upstream:
                await upstream.send_json({"type": "auth", "token": _get_credential(connection, token)})
                data = {"server_id": server_id}
                await self._publish("terminal.session.opened", user, session_id, data)
                try:
                    refusal = await self._forward(upstream, server_id, token, receive, send)
                finally:
                    await self._publish("terminal.session.closed", user, session_id, data)
            await _close_socket(send, refusal)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("connection to terminal server %s failed: %s", server_id, error or type(error).__name__)
            await _close_socket(send, None)

    async def _authorise(self, server_id: str, token: str) -> tuple[User, Connection]:
        """Return the user and the connection.

        Raises:
            TerminalRefused: the token is invalid, or the user may not use the terminal.
        """
        identity = await self._identities.find(token, PATH)
        if identity is None or not identity.user.is_verified:
            raise TerminalRefused(401, 4001, "Invalid token")
        try:
            connection = await self._terminals.get_connection(server_id, identity.user)
        except TerminalRefused as refused:
            raise TerminalRefused(404, 4004, "Terminal server not found") if refused.code == 4004 else refused from None
        servers.require_chats_allowed(connection)
        return identity.user, connection

    async def _publish(self, event: str, user: User, session_id: str, data: dict[str, Any]) -> None:
        await self._bus.publish(ActivityEvent(event, user, session_id, "terminal.session", data))

    async def _forward(
        self, upstream: aiohttp.ClientWebSocketResponse, server_id: str, token: str, receive: Receive, send: Send
    ) -> TerminalRefused | None:
        """Forward messages until one side closes, or the client loses access; return the refusal in this case."""
        tasks = [
            asyncio.ensure_future(_forward_to_server(receive, upstream)),
            asyncio.ensure_future(_forward_to_client(upstream, send)),
            asyncio.ensure_future(self._watch_access(server_id, token)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return tasks[2].result() if tasks[2] in done else None

    async def _watch_access(self, server_id: str, token: str) -> TerminalRefused:
        """Return the refusal as soon as the client may no longer use the terminal."""
        while True:
            await asyncio.sleep(ACCESS_CHECK_INTERVAL)
            try:
                await self._authorise(server_id, token)
            except TerminalRefused as refused:
                return refused


async def _receive_auth(receive: Receive) -> dict[str, Any]:
    """Return the client's first message.

    Raises:
        TerminalRefused: it does not arrive in time, or is not an authentication message.
    """
    try:
        message = await asyncio.wait_for(receive(), AUTH_TIMEOUT)
        auth = decode_json(message.get("text") or "")
    except (TimeoutError, msgspec.DecodeError):
        raise TerminalRefused(401, 4001, "Auth timeout or invalid payload") from None
    if not isinstance(auth, dict) or auth.get("type") != "auth":
        raise TerminalRefused(401, 4001, "Expected auth message")
    return auth


def _build_target(connection: Connection, user: User, session_id: str, chat_id: str) -> tuple[str, dict[str, str]]:
    """Return URL and headers of the server's WebSocket.

    Raises:
        TerminalRefused: the connection has no address, or the chat cannot have a runtime.
    """
    base = servers.get_base_url(connection).replace("https://", "wss://").replace("http://", "ws://")
    url = f"{base}/api/terminals/{quote(session_id, safe='')}?{urlencode({'user_id': user.id})}"
    return url, {"X-User-Id": user.id, "X-Session-Id": chat_id} | servers.build_chat_headers(connection, chat_id)


def _get_credential(connection: Connection, token: str) -> str:
    """Return what authenticates us to the server: the connection's key, or for an orchestrator the user's own token."""
    auth_type = connection.get("auth_type", "bearer")
    if auth_type == "bearer":
        return str(connection.get("key") or "").strip()
    return token if auth_type == "session" and servers.is_orchestrator(connection) else ""


async def _forward_to_server(receive: Receive, upstream: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("bytes"):
            await upstream.send_bytes(message["bytes"])
        elif message.get("text"):
            await upstream.send_str(message["text"])


async def _forward_to_client(upstream: aiohttp.ClientWebSocketResponse, send: Send) -> None:
    async for message in upstream:
        if message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
        elif message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})


async def _close_socket(send: Send, refusal: TerminalRefused | None) -> None:
    """Close the client's WebSocket; a client that has disconnected already is ignored."""
    message: dict[str, Any] = {"type": "websocket.close", "code": 1000}
    if refusal is not None:
        message |= {"code": refusal.code or 4003, "reason": refusal.reason}
    try:
        await send(message)
    except (RuntimeError, OSError):
        pass
