"""One end of a connection between two processes; both ends may call, stream and cancel.

Messages are lists, the first element says of which kind:

    [CALL, id, method, params]      the answer is RESULT or FAILURE, or any number of ITEMs and then END or FAILURE
    [RESULT, id, value]
    [FAILURE, id, kind, text, detail]
    [ITEM, id, value]               of a stream; at most `CREDIT_ITEMS` may be on their way
    [END, id]
    [CANCEL, id]                    the caller does not wait any longer
    [CREDIT, id, count]             the caller has read so many items
    [NOTICE, method, params]        a call without an answer

Ids belong to the caller. Params are keyword arguments of the handler. A handler is a coroutine function, or an
asynchronous generator function for streams. Handlers run as tasks, so a slow one delays no other.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import socket
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from fastback.kit.rpc.errors import ChannelClosed, RemoteFailure
from fastback.kit.rpc.wire_values import HEAD, MAX_FRAME_BYTES, MessageTooLarge, decode, encode_frame

log = logging.getLogger("fastback.rpc")

CALL, RESULT, FAILURE, ITEM, END, CANCEL, CREDIT, NOTICE = range(8)

#: Items of one stream that may be on their way.
CREDIT_ITEMS = 64
#: Bytes and number of messages that are handled in one turn of the event loop.
_MAX_TURN_BYTES = 256 * 1024
_MAX_TURN_MESSAGES = 16

#: A coroutine function, or an asynchronous generator function.
Handler = Callable[..., Any]


class Channel(asyncio.Protocol):
    """One end of a connection. `handlers` are looked up when a call arrives, so more may be added later."""

    def __init__(self, handlers: Mapping[str, Handler], *, name: str = "channel") -> None:
        self._handlers = handlers
        self._name = name
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._ids = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._streams: dict[int, _IncomingStream] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._credits: dict[int, _Credit] = {}
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._is_resuming = False
        #: Called when the other end calls a method.
        self.on_call: Callable[[], None] | None = None
        #: Set once the connection is closed, by either end.
        self.closed = asyncio.Event()

    @classmethod
    async def open(cls, sock: socket.socket, handlers: Mapping[str, Handler], *, name: str = "channel") -> Channel:
        """Return the end of a connection that `sock` is."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: cls(handlers, name=name), sock=sock)
        return channel

    @property
    def running_count(self) -> int:
        """The number of methods that run for the other end."""
        return len(self._running)

    # -- calling ---------------------------------------------------------------------------------------------------

    async def call(self, method: str, /, **params: Any) -> Any:
        """Have the other end run a method, and return its result. A cancelled caller cancels the method.

        Raises:
            RemoteFailure: the method failed. ChannelClosed: the other end is gone.
        """
        call_id = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[call_id] = future
        try:
            self._send([CALL, call_id, method, params])
            if not self._may_write.is_set():
                await self._may_write.wait()
            return await future
        except asyncio.CancelledError:
            self._send_if_open([CANCEL, call_id])
            raise
        finally:
            self._calls.pop(call_id, None)

    async def stream(self, method: str, /, **params: Any) -> AsyncGenerator[Any, None]:
        """Have the other end run a method that streams, and yield its items. Closing the stream cancels the method.

        Raises:
            RemoteFailure: the method failed. ChannelClosed: the other end is gone.
        """
        call_id = next(self._ids)
        incoming = self._streams[call_id] = _IncomingStream()
        try:
            self._send([CALL, call_id, method, params])
            read_count = 0
            async for item in incoming.iterate():
                yield item
                read_count += 1
                if read_count == CREDIT_ITEMS // 2:
                    self._send_if_open([CREDIT, call_id, read_count])
                    read_count = 0
        finally:
            self._streams.pop(call_id, None)
            if not incoming.has_ended:
                self._send_if_open([CANCEL, call_id])

    def notify(self, method: str, /, **params: Any) -> None:
        """Have the other end run a method, without waiting for it. A closed channel is ignored."""
        self._send_if_open([NOTICE, method, params])

    def close(self) -> None:
        """Close the connection; calls under way fail on both ends."""
        if self._transport is not None:
            self._transport.close()

    # -- the connection --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.closed.set()
        self._may_write.set()
        for future in self._calls.values():
            if not future.done():
                future.set_exception(ChannelClosed(f"{self._name}: the other process is gone"))
        for stream in self._streams.values():
            stream.fail(ChannelClosed(f"{self._name}: the other process is gone"))
        for task in list(self._running.values()):
            task.cancel()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_resuming:
            self._handle_frames()

    def _handle_frames(self) -> None:
        """Handle whole messages in the buffer; after some bytes other work of the event loop comes first."""
        self._is_resuming = False
        buffer, start, count = self._buffer, 0, 0
        while len(buffer) - start >= HEAD.size:
            (size,) = HEAD.unpack_from(buffer, start)
            if size > MAX_FRAME_BYTES:
                log.error("%s: closed, a message of %d bytes is too large", self._name, size)
                self.close()
                start = len(buffer)
                break
            end = start + HEAD.size + size
            if len(buffer) < end:
                break
            if start > _MAX_TURN_BYTES or count >= _MAX_TURN_MESSAGES:
                self._is_resuming = True
                asyncio.get_running_loop().call_soon(self._handle_frames)
                break
            with memoryview(buffer) as view:
                message = decode(view[start + HEAD.size : end])
            start = end
            count += 1
            self._handle_message(message)
        if start:
            del buffer[:start]

    def _send(self, message: list[Any]) -> None:
        if self._transport is None or self._transport.is_closing():
            raise ChannelClosed(f"{self._name}: the other process is gone")
        try:
            frame = encode_frame(message)
        except MessageTooLarge as error:
            raise RemoteFailure("too_large", f"Values of a plugin are too large: {error}") from None
        self._transport.write(frame)

    def _send_if_open(self, message: list[Any]) -> None:
        with suppress(ChannelClosed, RemoteFailure):
            self._send(message)

    # -- being called ----------------------------------------------------------------------------------------------

    def _handle_message(self, message: list[Any]) -> None:
        kind = message[0]
        if kind == RESULT:
            if (future := self._calls.get(message[1])) is not None and not future.done():
                future.set_result(message[2])
        elif kind == ITEM:
            if (stream := self._streams.get(message[1])) is not None:
                stream.add(message[2])
        elif kind == CALL:
            self._start_call(message[1], message[2], message[3])
        elif kind == FAILURE:
            self._handle_failure(message[1], RemoteFailure(message[2], message[3], message[4]))
        elif kind == END:
            if (stream := self._streams.get(message[1])) is not None:
                stream.end()
        elif kind == CREDIT:
            if (credit := self._credits.get(message[1])) is not None:
                credit.add(message[2])
        elif kind == CANCEL:
            if (task := self._running.get(message[1])) is not None:
                task.cancel()
        elif kind == NOTICE:
            self._start_call(None, message[1], message[2])

    def _handle_failure(self, call_id: int, failure: RemoteFailure) -> None:
        if (future := self._calls.get(call_id)) is not None and not future.done():
            future.set_exception(failure)
        elif (stream := self._streams.get(call_id)) is not None:
            stream.fail(failure)

    def _start_call(self, call_id: int | None, method: str, params: dict[str, Any]) -> None:
        if self.on_call is not None:
            self.on_call()
        key = call_id if call_id is not None else -next(self._ids)
        task = asyncio.get_running_loop().create_task(self._run_call(call_id, method, params))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _run_call(self, call_id: int | None, method: str, params: dict[str, Any]) -> None:
        try:
            handler = self._handlers.get(method)
            if handler is None:
                raise RemoteFailure("unknown_method", f"there is no method {method}")
            result = handler(**params)
            if inspect.isasyncgen(result):
                await self._send_items(call_id, cast(AsyncGenerator[Any, None], result))
                return
            value = await result
            if call_id is not None:
                self._send([RESULT, call_id, value])
                await self._may_write.wait()
        except ChannelClosed:
            pass
        except RemoteFailure as failure:
            self._send_failure(call_id, failure)
        except asyncio.CancelledError:
            self._send_failure(call_id, RemoteFailure("cancelled", "the call was cancelled"))
            raise
        except (Exception, SystemExit) as error:  # an exit would end the event loop
            log.exception("%s: %s failed", self._name, method)
            self._send_failure(call_id, RemoteFailure(type(error).__name__, str(error) or type(error).__name__))

    async def _send_items(self, call_id: int | None, items: AsyncGenerator[Any, None]) -> None:
        credit = _Credit()
        if call_id is not None:
            self._credits[call_id] = credit
        try:
            async for item in items:
                await credit.take()
                if call_id is not None:
                    self._send([ITEM, call_id, item])
                    await self._may_write.wait()
            if call_id is not None:
                self._send([END, call_id])
        finally:
            if call_id is not None:
                self._credits.pop(call_id, None)
            await items.aclose()

    def _send_failure(self, call_id: int | None, failure: RemoteFailure) -> None:
        if call_id is not None:
            self._send_if_open([FAILURE, call_id, failure.kind, str(failure), failure.detail])


class _Credit:
    """How many items of a stream may still be sent."""

    def __init__(self) -> None:
        self._count = CREDIT_ITEMS
        self._has_more = asyncio.Event()

    def add(self, count: int) -> None:
        self._count += count
        self._has_more.set()

    async def take(self) -> None:
        while self._count <= 0:
            self._has_more.clear()
            await self._has_more.wait()
        self._count -= 1


class _IncomingStream:
    """The items of a stream that its reader has not read_count yet."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._changed = asyncio.Event()
        self._failure: Exception | None = None
        self.has_ended = False

    def add(self, item: Any) -> None:
        self._items.append(item)
        self._changed.set()

    def end(self) -> None:
        self.has_ended = True
        self._changed.set()

    def fail(self, failure: Exception) -> None:
        self._failure = failure
        self.end()

    async def iterate(self) -> AsyncIterator[Any]:
        while True:
            while self._items:
                yield self._items.popleft()
            if self.has_ended:
                if self._failure is not None:
                    raise self._failure
                return
            self._changed.clear()
            await self._changed.wait()
