"""The same headers on every answer."""

from __future__ import annotations

from typing import Any

from fastback.kit.http.application import Asgi, Receive, Scope, Send


class FixedHeaders:
    """ASGI middleware; its headers take the place of the answer's own."""

    def __init__(self, app: Asgi, headers: list[tuple[bytes, bytes]]) -> None:
        self._app = app
        self._headers = headers
        self._names = {name for name, _ in headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                others = [pair for pair in message["headers"] if pair[0].lower() not in self._names]
                message = {**message, "headers": [*others, *self._headers]}
            await send(message)

        await self._app(scope, receive, stamped)
