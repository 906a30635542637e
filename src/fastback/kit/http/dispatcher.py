"""Dispatch connections: those of sockets to the socket server, HTTP to the application."""

from __future__ import annotations

from fastback.kit.http.application import Asgi, Receive, Scope, Send, send_json
from fastback.kit.http.connection_limits import ConnectionLimits, get_client_address
from fastback.kit.http.routing import RouteTrie

#: What a socket is answered that is one too many.
_TOO_MANY_SOCKETS = (
    {"type": "websocket.http.response.start", "status": 503, "headers": [(b"retry-after", b"10")]},
    {"type": "websocket.http.response.body", "body": b"Too many sockets"},
)


class Dispatcher:
    """ASGI application: pass paths below `prefix` to `sockets`, other HTTP to `http`, and close other WebSockets."""

    def __init__(self, http: Asgi, sockets: Asgi, *, prefix: str, limits: ConnectionLimits) -> None:
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
                for message in _TOO_MANY_SOCKETS:
                    await send(message)
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
            await endpoint(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4404})
