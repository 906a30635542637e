"""Dispatch connections: those of sockets to the socket server, HTTP to the application."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fastback.kit.http.application import Asgi, Receive, Scope, Send, send_json
from fastback.kit.http.connection_limits import ConnectionLimits, get_client_address
from fastback.kit.http.http_limits import HttpLimits
from fastback.kit.http.outage_responses import find_outage_response
from fastback.kit.http.routing import RouteTrie

#: What a socket is answered that is one too many.
_TOO_MANY_SOCKETS = (
    {"type": "websocket.http.response.start", "status": 503, "headers": [(b"retry-after", b"10")]},
    {"type": "websocket.http.response.body", "body": b"Too many sockets"},
)
#: What a socket is answered during an outage.
_UNAVAILABLE = (
    {"type": "websocket.http.response.start", "status": 503, "headers": [(b"retry-after", b"2")]},
    {"type": "websocket.http.response.body", "body": b"Service unavailable"},
)
#: Code with which an open socket is closed during an outage.
_TRY_AGAIN_LATER = 1013


class Dispatcher:
    """ASGI application: pass paths below `prefix` to `sockets`, other HTTP to `http`, and close other WebSockets.

    `http_limits` are for the protocol of its connections (`BoundedHttpProtocol`).
    """

    def __init__(
        self,
        http: Asgi,
        sockets: Asgi,
        *,
        prefix: str,
        limits: ConnectionLimits,
        http_limits: HttpLimits | None = None,
    ) -> None:
        self.http_limits = http_limits or HttpLimits()
        self._http = http
        self._sockets = sockets
        self._prefix = prefix
        self._limits = limits
        self._websockets = RouteTrie()

    def add_websocket(self, path: str, endpoint: Asgi) -> None:
        """Pass WebSockets at a path to `endpoint`; the values of its parameters are in the scope's `path_params`."""
        self._websockets.add("WS", path, endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope_type = scope["type"]
        if scope_type == "http":
            if scope["path"].startswith(self._prefix):
                if b"transport=websocket" in scope["query_string"]:  # uvicorn did not accept it as a WebSocket
                    await send_json(send, 400, b'{"detail":"Invalid WebSocket upgrade request"}')
                else:
                    await self._sockets(scope, receive, send)
            else:
                await self._http(scope, receive, send)
        elif scope_type == "websocket":
            address = get_client_address(scope)
            if not self._limits.try_add(address):
                await _send_all(send, _TOO_MANY_SOCKETS)
                return
            try:
                await self._open_websocket(scope, receive, send)
            finally:
                self._limits.remove(address)

    async def _open_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(self._prefix):
            await self._sockets(scope, receive, send)
            return
        raw = scope.get("raw_path")
        match = self._websockets.find(raw.decode("latin-1") if raw and b"%" in raw else path)
        if match is not None:
            endpoint, names = match.targets["WS"]
            scope["path_params"] = dict(zip(names, match.values, strict=True))
            try:
                await endpoint(scope, receive, send)
            except Exception as error:
                if find_outage_response(error, f"WebSocket {path}") is None:
                    raise
                await _refuse_in_outage(send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4404})


async def _refuse_in_outage(send: Send) -> None:
    """Answer a socket that is not accepted yet with 503, and close any other."""
    try:
        await _send_all(send, _UNAVAILABLE)
    except RuntimeError:  # uvicorn expects other messages
        with suppress(RuntimeError):
            await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER})


async def _send_all(send: Send, messages: tuple[Any, ...]) -> None:
    for message in messages:
        await send(message)
