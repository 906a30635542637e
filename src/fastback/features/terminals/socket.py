"""`WS /api/v1/terminals/{server_id}/api/terminals/{session_id}`: a terminal in the page, passed on to its server.

The client says first who it is: `{"type": "auth", "token": "…", "chat_id": "…"}`. Every few seconds it is looked
whether it still may.
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
from fastback.features.terminals.servers import Connection, Refused, Terminals
from fastback.kit.bus import Bus
from fastback.kit.http.application import Receive, Scope, Send
from fastback.settings import Settings
from fastback.settings.tls import client_ssl

PATH = "/api/v1/terminals/{server_id}/api/terminals/{session_id}"

log = logging.getLogger("fastback.terminals")

#: Seconds a client has to say who it is, and between looks whether it still may use the terminal.
PATIENCE, WATCHED = 10.0, 10.0
#: Seconds a server has to open the terminal: it may have to start a machine for it.
OPENING = 300.0


class TerminalSocket:
    """The endpoint, as an ASGI application; `path_params` of the scope name server and session."""

    def __init__(
        self,
        *,
        identities: IdentityResolver,
        terminals: Terminals,
        client: aiohttp.ClientSession,
        settings: Settings,
        bus: Bus,
    ) -> None:
        self._identities = identities
        self._terminals = terminals
        self._client = client
        self._settings = settings
        self._bus = bus

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        server_id, session_id = scope["path_params"]["server_id"], scope["path_params"]["session_id"]
        try:
            hello = await _introduced(receive)
            token, chat_id = str(hello.get("token") or ""), hello.get("chat_id")
            user, connection = await self._allowed(server_id, token)
            url, headers = _target(connection, user, session_id, chat_id if isinstance(chat_id, str) else "")
        except Refused as refused:
            await _close(send, refused)
            return
        try:
            async with asyncio.timeout(OPENING):
                opened = await self._client.ws_connect(url, headers=headers, ssl=client_ssl(self._settings))
            async with opened as upstream:
                await upstream.send_json({"type": "auth", "token": _credential(connection, token)})
                told = {"server_id": server_id}
                await self._tell("terminal.session.opened", user, session_id, told)
                try:
                    ended = await self._pass_on(upstream, server_id, token, receive, send)
                finally:
                    await self._tell("terminal.session.closed", user, session_id, told)
            await _close(send, ended)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("terminal server %s: %s", server_id, error or type(error).__name__)
            await _close(send, None)

    async def _allowed(self, server_id: str, token: str) -> tuple[User, Connection]:
        """Raises: Refused."""
        identity = await self._identities.find(token, PATH)
        if identity is None or not identity.user.is_verified:
            raise Refused(401, 4001, "Invalid token")
        try:
            connection = await self._terminals.open(server_id, identity.user)
        except Refused as refused:
            raise Refused(404, 4004, "Terminal server not found") if refused.code == 4004 else refused from None
        servers.in_chats(connection)
        return identity.user, connection

    async def _tell(self, event: str, user: User, session_id: str, data: dict[str, Any]) -> None:
        await self._bus.publish(ActivityEvent(event, user, session_id, "terminal.session", data))

    async def _pass_on(
        self, upstream: aiohttp.ClientWebSocketResponse, server_id: str, token: str, receive: Receive, send: Send
    ) -> Refused | None:
        """Until one side ends, or the client may no longer: then why not."""
        ways = [
            asyncio.ensure_future(_to_server(receive, upstream)),
            asyncio.ensure_future(_to_client(upstream, send)),
            asyncio.ensure_future(self._watch(server_id, token)),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        return ways[2].result() if ways[2] in done else None

    async def _watch(self, server_id: str, token: str) -> Refused:
        """Ends when the client may no longer use the terminal."""
        while True:
            await asyncio.sleep(WATCHED)
            try:
                await self._allowed(server_id, token)
            except Refused as refused:
                return refused


async def _introduced(receive: Receive) -> dict[str, Any]:
    """The client's first message. Raises: Refused."""
    try:
        message = await asyncio.wait_for(receive(), PATIENCE)
        hello = msgspec.json.decode(message.get("text") or "")
    except (TimeoutError, msgspec.DecodeError):
        raise Refused(401, 4001, "Auth timeout or invalid payload") from None
    if not isinstance(hello, dict) or hello.get("type") != "auth":
        raise Refused(401, 4001, "Expected auth message")
    return hello


def _target(connection: Connection, user: User, session_id: str, chat_id: str) -> tuple[str, dict[str, str]]:
    """Address and headers. Raises: Refused."""
    base = servers.address(connection).replace("https://", "wss://").replace("http://", "ws://")
    url = f"{base}/api/terminals/{quote(session_id, safe='')}?{urlencode({'user_id': user.id})}"
    return url, {"X-User-Id": user.id, "X-Session-Id": chat_id} | servers.chat_context(connection, chat_id)


def _credential(connection: Connection, token: str) -> str:
    """What the server is shown: the connection's key, or the user's own session where it runs terminals for each."""
    auth_type = connection.get("auth_type", "bearer")
    if auth_type == "bearer":
        return str(connection.get("key") or "").strip()
    return token if auth_type == "session" and servers.is_orchestrator(connection) else ""


async def _to_server(receive: Receive, upstream: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("bytes"):
            await upstream.send_bytes(message["bytes"])
        elif message.get("text"):
            await upstream.send_str(message["text"])


async def _to_client(upstream: aiohttp.ClientWebSocketResponse, send: Send) -> None:
    async for message in upstream:
        if message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
        elif message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})


async def _close(send: Send, refused: Refused | None) -> None:
    """A client that is gone needs no farewell."""
    end: dict[str, Any] = {"type": "websocket.close", "code": 1000}
    if refused is not None:
        end |= {"code": refused.code or 4003, "reason": refused.reason}
    try:
        await send(end)
    except (RuntimeError, OSError):
        pass
