"""A header of requests under another name."""

from __future__ import annotations

from fastback.kit.http.application import Asgi, Receive, Scope, Send


class RenamedHeader:
    """ASGI middleware: what comes as `given` is found as `meant`, and what comes as `meant` itself is not believed."""

    def __init__(self, app: Asgi, given: str, meant: str) -> None:
        self._app = app
        self._given = given.lower().encode("latin-1", "replace")
        self._meant = meant.lower().encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (self._meant if name == self._given else name, value)
            for name, value in scope["headers"]
            if name != self._meant
        ]
        await self._app({**scope, "headers": headers}, receive, send)
