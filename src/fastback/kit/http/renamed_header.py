"""Rename a header of requests."""

from __future__ import annotations

from fastback.kit.http.application import Asgi, Receive, Scope, Send


class RenamedHeaderMiddleware:
    """ASGI middleware that renames the request header `public_name` to `internal_name`.

    A header that is called `internal_name` already is dropped, so that clients cannot spoof it.
    """

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
