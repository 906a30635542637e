"""The WebSocket protocol of uvicorn, with limits that depend on what the application knows of its client.

A client may send small messages until the application knows who it is, so that strangers cannot fill the memory. A
client that answers no pings is cut off, also while data wait for it: uvicorn would wait until the client has read them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.http11 import Request

from fastback.kit.http.application import Scope

#: Bytes of the largest message of a client that the application does not know.
STRANGER_MESSAGE_SIZE = 64 * 1024

_EXTENSION = "fastback.websocket"


class UpgradableHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol; it does not stay in memory once a WebSocket has taken its connection over."""

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as in `connection_lost`: it refers to this object


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection; the application finds it with `find_websocket`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn.max_message_size = STRANGER_MESSAGE_SIZE
        self._is_in_scope = False

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][_EXTENSION] = {"connection": self}
            self._is_in_scope = True

    def start_keepalive(self) -> None:
        super().start_keepalive()
        # The handshake is over, and nothing reads its headers any more.
        self.request = self.response = None  # type: ignore[assignment]

    def set_message_size(self, size: int | None = None) -> None:
        """Set the bytes of the largest message that the client may send, by default the server's own limit."""
        self.conn.max_message_size = self.config.ws_max_size if size is None else size

    async def send_frames(self, parts: Sequence[bytes]) -> None:
        """Send a text message, in UTF-8, with a frame for each part: the event loop runs between them.

        Raises:
            ClientDisconnected: the client is gone, or the connection is being closed.
        """
        for number, part in enumerate(parts, 1):
            await self.writable.wait()
            if self.disconnected or self.close_sent:
                raise ClientDisconnected
            is_last = number == len(parts)
            try:
                if number == 1:
                    self.conn.send_text(part, fin=is_last)
                else:
                    self.conn.send_continuation(part, fin=is_last)
            except InvalidState:
                raise ClientDisconnected from None
            self.transport.write(b"".join(self.conn.data_to_send()))
            await asyncio.sleep(0)

    def abort(self) -> None:
        """Cut the connection off: what waits to be sent is dropped."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # Both refer to this object, which would stay in memory until the garbage collector finds it.
        self.conn.parser.close()
        if self._is_in_scope:
            self.scope["extensions"].pop(_EXTENSION, None)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


def find_websocket(scope: Scope) -> WebSocketProtocol | None:
    """Return the connection of a WebSocket; None where another server than uvicorn runs the application."""
    websocket = scope.get("extensions", {}).get(_EXTENSION, {}).get("connection")
    return websocket if isinstance(websocket, WebSocketProtocol) else None


def allow_large_messages(scope: Scope) -> None:
    """Let the client of a WebSocket send messages up to the server's limit: the application knows who it is."""
    websocket = find_websocket(scope)
    if websocket is not None:
        websocket.set_message_size()
