"""The WebSocket protocol of uvicorn, with limits that depend on what the application knows of its client.

A client may send small messages until the application knows who it is, so that strangers cannot fill the memory. A
client that answers no pings is cut off, also while data wait for it: uvicorn would wait until the client has read them.
Large messages are received in fragments, so that none of them holds the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request

from fastback.kit.http.application import Scope
from fastback.kit.http.fragments import FragmentedText
from fastback.kit.http.frame_splitter import LARGE_FRAME, FrameSplitter
from fastback.kit.http.uvicorn_import import ClientDisconnected, HttpToolsProtocol, WebSocketsSansIOProtocol
from fastback.kit.pacing import let_others_run
from fastback.kit.turn_queue import TurnQueue

#: Bytes of the largest message of a client that the application does not know.
STRANGER_MESSAGE_SIZE = 64 * 1024

#: How often frames of a client that the application does not know are passed on from what arrived at once: they are
#: hundreds then, where such a client needs two.
_MOST_PASSES = 10
#: Bytes of a message up to which its fragments are joined at once.
_JOINED_AT_ONCE = 256 * 1024

_EXTENSION = "fastback.websocket"
#: Keys of the event of a message in fragments.
_FRAGMENTS, _IS_TEXT = "fragments", "is_text"


class UpgradableHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol; it does not stay in memory once a WebSocket has taken its connection over.

    One WebSocket is opened in each turn of the event loop: other requests do not wait for hundreds that come at once.
    """

    def handle_websocket_upgrade(self) -> None:
        self.transport.pause_reading()
        TurnQueue.get_shared(self.config, self.loop).add(self._upgrade)

    def _upgrade(self) -> None:
        if self.transport.is_closing():
            return
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as in `connection_lost`: it refers to this object
        self.transport.resume_reading()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection; the application finds it with `find_websocket`.

    Attributes:
        passes_fragments: whether the application accepts a `FragmentedText` in place of a long text.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn.max_message_size = STRANGER_MESSAGE_SIZE
        self.passes_fragments = False
        self._is_in_scope = False
        self._splitter = FrameSplitter()
        #: What has arrived and is not passed on yet. Nothing more is read meanwhile.
        self._rest = b""
        self._pass_count = 0
        self._turns = TurnQueue.get_shared(self.config, self.loop)
        #: The end of the message that arrives: many small frames would take much more memory than their bytes.
        self._small_frames = bytearray()

    # -- receiving ---------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)
        elif self._rest:
            self._rest += data
            self.transport.pause_reading()
        else:
            self._pass_on(data)
            if len(data) >= LARGE_FRAME and not self._rest and not self.read_paused:
                # The loop reads on at once as long as there is something, up to megabytes in one turn.
                self.transport.pause_reading()
                self._turns.add(self._read_on)

    def _read_on(self) -> None:
        if not self._rest and not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _pass_on(self, data: bytes) -> None:
        """Give the library as much as it reads in a moment; the rest follows in later turns of the event loop."""
        limit = (self.conn.max_message_size or 0) - (self.conn.current_size or 0)
        data, self._rest = self._splitter.split(data, limit)
        if self._rest:
            self.transport.pause_reading()
        super().data_received(data)
        if self._rest and self.queue.empty():
            self._turns.add(self._pass_rest_on)

    def _pass_rest_on(self) -> None:
        rest, self._rest = self._rest, b""
        if not rest or self.transport.is_closing():
            return
        self._pass_count += 1
        if self._pass_count > _MOST_PASSES and self.conn.max_message_size == STRANGER_MESSAGE_SIZE:
            self.abort()
            return
        self._pass_on(rest)
        if not self._rest:
            self._pass_count = 0
            if not self.read_paused:
                self.transport.resume_reading()

    def handle_text(self, event: Frame) -> None:
        self.curr_msg_data_type = "text"
        self.handle_cont(event)

    def handle_bytes(self, event: Frame) -> None:
        self.curr_msg_data_type = "bytes"
        self.handle_cont(event)

    def handle_cont(self, event: Frame) -> None:
        if len(event.data) < LARGE_FRAME:
            self._small_frames += event.data
        else:
            self._flush_small_frames()
            self.frames.append(bytes(event.data))
        if event.fin or len(self._small_frames) >= LARGE_FRAME:
            self._flush_small_frames()
        if event.fin:
            self._receive_message(self.frames or [b""])

    def _flush_small_frames(self) -> None:
        if self._small_frames:
            self.frames.append(bytes(self._small_frames))
            self._small_frames.clear()

    def _receive_message(self, fragments: list[bytes]) -> None:
        if len(fragments) == 1 or sum(map(len, fragments)) <= _JOINED_AT_ONCE:
            self.frames = fragments
            self.send_receive_event_to_app()
            return
        self.frames = []
        if self.close_sent:
            return
        event: Any = {"type": "websocket.receive", _FRAGMENTS: fragments, _IS_TEXT: self.curr_msg_data_type == "text"}
        self.queue.put_nowait(event)
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    async def receive(self) -> Any:
        event: Any = await super().receive()
        if self._rest:
            self.transport.pause_reading()
            if self.queue.empty():
                self._turns.add(self._pass_rest_on)
        if _FRAGMENTS not in event:
            return event
        fragments: list[bytes] = event[_FRAGMENTS]
        if not event[_IS_TEXT]:
            return {"type": "websocket.receive", "bytes": await asyncio.to_thread(b"".join, fragments)}
        # Attachments of Socket.IO in base64 begin with this letter; they are decoded as a whole.
        if self.passes_fragments and not fragments[0].startswith(b"b"):
            return {"type": "websocket.receive", "text": FragmentedText(fragments)}
        try:
            return {"type": "websocket.receive", "text": await asyncio.to_thread(_join_text, fragments)}
        except UnicodeDecodeError:
            self.conn.send_close(1007)
            self.handle_parser_exception()
            return await super().receive()

    # -- the connection ----------------------------------------------------------------------------------------------

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
            await let_others_run()

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


def _join_text(fragments: list[bytes]) -> str:
    return b"".join(fragments).decode()


def find_websocket(scope: Scope) -> WebSocketProtocol | None:
    """Return the connection of a WebSocket; None where another server than uvicorn runs the application."""
    websocket = scope.get("extensions", {}).get(_EXTENSION, {}).get("connection")
    return websocket if isinstance(websocket, WebSocketProtocol) else None


def allow_large_messages(scope: Scope) -> None:
    """Let the client of a WebSocket send messages up to the server's limit: the application knows who it is."""
    websocket = find_websocket(scope)
    if websocket is not None:
        websocket.set_message_size()
