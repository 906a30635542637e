"""The Engine.IO server: it opens sockets, and refuses requests that are too large before it reads them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.connection_limits import ConnectionLimits, get_client_address
from fastback.realtime.asgi_driver import WebSocketTransport, build_environ
from fastback.realtime.engine_socket import STRANGER_PACKET_SIZE, EngineSocket
from fastback.realtime.socketio_import import engineio

_TOO_MANY_SOCKETS = {
    "status": "503 SERVICE UNAVAILABLE",
    "headers": [("Content-Type", "text/plain"), ("Retry-After", "10")],
    "response": b"Too many sockets",
}


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    """Engine.IO with bounded sockets.

    Attributes:
        id_suffix: what ids of sockets end with, so that other processes know whose they are.
        sign_in_seconds: after which a socket is closed on which no user has signed in.
        max_backlog: bytes that may wait until the client reads them.
        limits: of the numbers of sockets.
    """

    def __init__(
        self, *, sign_in_seconds: float, max_backlog: int, limits: ConnectionLimits, id_suffix: str = "", **options: Any
    ) -> None:
        super().__init__(monitor_clients=False, **options)  # each socket has timers of its own
        self._id_suffix = id_suffix
        driver = {"translate_request": build_environ, "websocket": WebSocketTransport}
        self._async: dict[str, Any] = {**self._async, **driver}
        self.sign_in_seconds = sign_in_seconds
        self.max_backlog = max_backlog
        self.limits = limits
        #: The addresses of sockets that began with long polling. A WebSocket is counted as a connection.
        self._addresses: dict[EngineSocket, str] = {}
        self._entrance = asyncio.Lock()

    def generate_id(self) -> str:
        return f"{super().generate_id()}{self._id_suffix}"

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] == "http" and scope["method"] == "POST":
            status = self._find_refusal(scope)
            if status is not None:
                headers = [(b"content-type", b"text/plain"), (b"content-length", b"0"), (b"connection", b"close")]
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return None
        if scope["type"] == "websocket":
            async with self._entrance:
                # One in each turn of the event loop: other requests do not wait for hundreds that come at once.
                await asyncio.sleep(0)
        return await super().handle_request(scope, receive, send)

    def _find_refusal(self, scope: Scope) -> int | None:
        """Return the status to refuse packets with that are too large, or whose size is not announced."""
        sids = parse_qs(scope["query_string"].decode("latin-1")).get("sid")
        socket = self.sockets.get(sids[0]) if sids else None
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit():
            return 411
        return 413 if int(length) > (socket.max_packet_size if socket else STRANGER_PACKET_SIZE) else None

    async def _handle_connect(self, environ: Any, transport: str, jsonp_index: int | None = None) -> Any:
        scope = environ["asgi.scope"]
        address = get_client_address(scope) if scope["type"] == "http" else None
        if address is not None and not self.limits.try_add(address):
            return _TOO_MANY_SOCKETS
        socket = EngineSocket(self, self.generate_id())
        self.sockets[socket.sid] = socket
        if address is not None:
            self._addresses[socket] = address
        socket.post(self._build_open_packet(socket.sid, transport))
        await self._trigger_event("connect", socket.sid, environ)
        socket.schedule_ping()
        if transport != "websocket":
            socket.connected = True
            return self._ok(await socket.poll(), jsonp_index=jsonp_index)
        return await socket.handle_get_request(environ)

    def _build_open_packet(self, sid: str, transport: str) -> Any:
        content = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return engineio.packet.Packet(engineio.packet.OPEN, content)

    async def finish_sockets(self) -> None:
        """Close every socket, and wait until what waits for their clients is sent."""
        await asyncio.gather(*(socket.finish() for socket in list(self.sockets.values())))

    def forget_socket(self, socket: EngineSocket) -> None:
        """Remove a socket that is closed."""
        self.sockets.pop(socket.sid, None)
        address = self._addresses.pop(socket, None)
        if address is not None:
            self.limits.remove(address)
