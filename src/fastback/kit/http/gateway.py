"""The first thing a connection meets: sockets to the socket server, HTTP to the application."""

from __future__ import annotations

from fastback.kit.http.application import Asgi, Receive, Scope, Send, send_json


class Gateway:
    """Sends what comes in below `prefix` to `sockets`, other HTTP to `http`, and refuses other WebSockets."""

    def __init__(self, http: Asgi, sockets: Asgi, *, prefix: str) -> None:
        self._http = http
        self._sockets = sockets
        self._prefix = prefix
        #: WebSocket endpoints of our own, by path.
        self.websockets: dict[str, Asgi] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            if scope["path"].startswith(self._prefix):
                if b"transport=websocket" in scope["query_string"]:  # the server would have made it a WebSocket
                    await send_json(send, 400, b'{"detail":"Invalid WebSocket upgrade request"}')
                else:
                    await self._sockets(scope, receive, send)
            else:
                await self._http(scope, receive, send)
        elif kind == "websocket":
            path = scope["path"]
            if path.startswith(self._prefix):
                await self._sockets(scope, receive, send)
            elif path in self.websockets:
                await self.websockets[path](scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 4404})
