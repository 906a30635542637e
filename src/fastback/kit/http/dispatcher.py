"""Dispatch connections: those of sockets to the socket server, HTTP to the application."""

from __future__ import annotations

from fastback.kit.http.application import Asgi, Receive, Scope, Send, send_json
from fastback.kit.http.routing import RouteTrie


class Dispatcher:
    """ASGI application: pass paths below `prefix` to `sockets`, other HTTP to `http`, and close other WebSockets."""

    def __init__(self, http: Asgi, sockets: Asgi, *, prefix: str) -> None:
        self._http = http
        self._sockets = sockets
        self._prefix = prefix
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
