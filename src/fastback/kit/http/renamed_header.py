"""A header of requests under another name."""

from __future__ import annotations

from fastback.kit.http.application import Asgi, Receive, Scope, Send


class RenamedHeaderMiddleware:
    """ASGI middleware: what comes as `given` is found as `meant`, and what comes as `meant` itself is not believed."""

    def __init__(self, app: Asgi, public_name: str, internal_name: str) -> None:
        self._app = app
        self._public_name = public_name.lower().encode("latin-1", "replace")
        self._internal_name = internal_name.lower().encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (self._internal_name if name == self._public_name else name, value)
            for name, value in scope["headers"]
            if name != self._internal_name
        ]
        await self._app({**scope, "headers": headers}, receive, send)
