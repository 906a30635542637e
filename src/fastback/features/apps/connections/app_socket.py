"""A Socket.IO connection to an app: one WebSocket, one namespace, events that both sides acknowledge.

Of the protocol this is what apps use: Engine.IO 4 over a WebSocket, and packets of texts in the namespace `/apps`.
python-socketio's client decodes a packet in one call, which holds the event loop; here large ones are decoded in
pieces.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.kit.json_pieces import decode_in_pieces
from fastback.kit.sliced_json import encode_in_slices

log = logging.getLogger("fastback.apps")

NAMESPACE = "/apps"
#: Bytes of a packet at most, in either direction.
MAX_PACKET = 16 * 1024 * 1024
#: Bytes of a packet beside its value.
PACKET_MARGIN = 128
#: Requests of an app that are under way at once, and that wait beyond those.
MAX_RUNNING, MAX_WAITING = 16, 200
#: Bytes from which JSON is decoded in pieces.
_LARGE = 64 * 1024
#: Seconds that an app has to open the WebSocket and the namespace, and to take the end of the connection.
_OPEN_SECONDS, _CLOSE_SECONDS = 20, 2

#: Packets of Engine.IO.
_OPEN, _CLOSE, _PING, _PONG, _MESSAGE, _NOOP = "0", "1", "2", "3", "4", "6"
#: Packets of Socket.IO.
_CONNECT, _DISCONNECT, _EVENT, _ACK, _CONNECT_ERROR = "0", "1", "2", "3", "4"
_PACKET = re.compile(r"([0-4])(?:(/[^,]{0,100})(?:,|$))?(\d{0,15})")

RequestHandler = Callable[[Any], Awaitable[Any]]


class AppConnectionError(Exception):
    """The connection could not be opened, or was lost."""


class _Handshake(msgspec.Struct, rename="camel"):
    ping_interval: float
    ping_timeout: float


class AppSocket:
    """An open connection. `handle_request` responds to the app's `app:request` events; it raises nothing."""

    def __init__(self, http: aiohttp.ClientSession, handle_request: RequestHandler) -> None:
        """`http` is closed with the connection."""
        self._http = http
        self._handle_request = handle_request
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._silence_seconds = 60.0
        self._last_id = 0
        self._calls: dict[int, asyncio.Future[list[Any]]] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(MAX_RUNNING)

    # -- opening ---------------------------------------------------------------------------------------------------

    async def open(self, url: str, key: str) -> None:
        """Connect to the app at `url` and authenticate with its API key.

        Raises:
            AppConnectionError: the app refuses the connection, or does not speak the protocol.
            aiohttp.ClientError, OSError, ValueError, TimeoutError: it cannot be reached.
        """
        parts = urlsplit(url)
        path = parts.path.strip("/")
        address = f"{parts.scheme}://{parts.netloc}/{f'{path}/' if path else ''}socket.io/?transport=websocket&EIO=4"
        async with asyncio.timeout(_OPEN_SECONDS):
            websocket = await self._http.ws_connect(
                address,
                headers={"Authorization": f"Bearer {key}"},
                max_msg_size=MAX_PACKET,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
            )
            self._websocket = websocket
            await self._start_session(websocket)
        self._reader = asyncio.get_running_loop().create_task(self._read_packets(websocket))

    async def _start_session(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        opening = await _receive_text(websocket)
        if not opening.startswith(_OPEN):
            raise AppConnectionError("the app does not open the connection")
        handshake = msgspec.json.decode(opening[1:], type=_Handshake)
        self._silence_seconds = (handshake.ping_interval + handshake.ping_timeout) / 1000
        await websocket.send_str(f"{_MESSAGE}{_CONNECT}{NAMESPACE},{{}}")
        while True:
            text = await _receive_text(websocket)
            if text.startswith(_PING):
                await websocket.send_str(_PONG + text[1:])
            elif text.startswith(f"{_MESSAGE}{_CONNECT}{NAMESPACE}"):
                return
            else:
                raise AppConnectionError("the app does not open the namespace")

    # -- calls of this server --------------------------------------------------------------------------------------

    async def call(self, event: str, value: Any, *, seconds: float) -> Any:
        """Send an event and return what the app acknowledges it with; None where that is nothing.

        Raises:
            TimeoutError: the app did not answer in time. AppConnectionError: the connection is lost.
        """
        self._last_id += 1
        call_id = self._last_id
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._calls[call_id] = answer
        try:
            async with asyncio.timeout(seconds):
                await self._send(f"{_EVENT}{NAMESPACE},{call_id}", [event, value])
                arguments = await answer
        finally:
            self._calls.pop(call_id, None)
        return arguments[0] if len(arguments) == 1 else (arguments or None)

    async def _send(self, head: str, values: list[Any]) -> None:
        await self._send_slices(head, await encode_in_slices(values))

    async def _send_slices(self, head: str, slices: list[bytes]) -> None:
        websocket = self._websocket
        if websocket is None or websocket.closed:
            raise AppConnectionError("the connection is closed")
        try:
            await websocket.send_frame(b"".join([f"{_MESSAGE}{head}".encode(), *slices]), aiohttp.WSMsgType.TEXT)
        except (OSError, aiohttp.ClientError) as error:
            raise AppConnectionError("the connection is lost") from error

    # -- packets of the app ----------------------------------------------------------------------------------------

    async def _read_packets(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        """Read packets until the connection ends; then let every call fail."""
        try:
            while True:
                message = await websocket.receive(self._silence_seconds)
                if message.type is not aiohttp.WSMsgType.TEXT or not await self._read_packet(message.data):
                    return
        except (TimeoutError, ValueError, AppConnectionError, OSError, aiohttp.ClientError) as error:
            log.info("the connection to an app ended: %s", error or type(error).__name__)
        finally:
            await websocket.close()
            for answer in self._calls.values():
                if not answer.done():
                    answer.set_exception(AppConnectionError("the connection is lost"))

    async def _read_packet(self, text: str) -> bool:
        """Handle a packet of Engine.IO, and return whether more may follow.

        Raises:
            ValueError: it is invalid.
        """
        kind, content = text[:1], text[1:]
        if kind == _PING and self._websocket is not None:
            await self._websocket.send_str(_PONG + content)
        elif kind == _MESSAGE:
            return await self._read_message(content)
        return kind in (_PING, _MESSAGE, _NOOP)

    async def _read_message(self, text: str) -> bool:
        """Handle a packet of Socket.IO, and return whether more may follow.

        Raises:
            ValueError: it is invalid.
        """
        head = _PACKET.match(text)
        if head is None:
            raise ValueError("binary packets of apps are not supported")
        kind, namespace, packet_id = head.groups()
        if kind in (_DISCONNECT, _CONNECT_ERROR):
            return False
        if kind == _CONNECT or namespace != NAMESPACE:
            return True
        values = await _decode_values(text[head.end() :])
        if kind == _ACK:
            answer = self._calls.get(int(packet_id or -1))
            if answer is not None and not answer.done():
                answer.set_result(values)
        elif values[:1] == ["app:request"]:
            self._start_request(values[1] if len(values) > 1 else None, packet_id)
        return True

    # -- requests of the app ---------------------------------------------------------------------------------------

    def _start_request(self, packet: Any, packet_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._respond(packet, packet_id))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _respond(self, packet: Any, packet_id: str) -> None:
        if len(self._requests) > MAX_RUNNING + MAX_WAITING:
            result: Any = {"status": 503, "error": "App has too many requests under way"}
        else:
            async with self._free:
                result = await self._handle_request(packet)
        if not packet_id:
            return
        slices = await encode_in_slices([result])
        if sum(map(len, slices)) > MAX_PACKET - PACKET_MARGIN:
            slices = [msgspec.json.encode([{"status": 413, "error": "App response exceeds 16 MiB"}])]
        try:
            await self._send_slices(f"{_ACK}{NAMESPACE},{packet_id}", slices)
        except AppConnectionError:
            log.info("a request of an app ended after its connection")

    # -- the end ---------------------------------------------------------------------------------------------------

    async def wait_until_closed(self) -> None:
        """Wait until the connection has ended."""
        if self._reader is not None:
            await asyncio.wait([self._reader])

    async def close(self, *, finish_seconds: float = 0.0) -> None:
        """End the connection; requests of the app have `finish_seconds` to end first."""
        requests = self._requests - {asyncio.current_task()}
        if requests and finish_seconds:
            await asyncio.wait(requests, timeout=finish_seconds)
        for task in requests:
            task.cancel()
        if requests:
            await asyncio.wait(requests)
        if self._websocket is not None and not self._websocket.closed:
            try:
                await self._websocket.send_str(f"{_MESSAGE}{_DISCONNECT}{NAMESPACE},")
            except (OSError, aiohttp.ClientError):
                pass  # it is lost already
            await self._websocket.close()
        await self.wait_until_closed()
        await self._http.close()


async def _receive_text(websocket: aiohttp.ClientWebSocketResponse) -> str:
    message = await websocket.receive()
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise AppConnectionError("the app closes the connection")
    text: str = message.data
    return text


async def _decode_values(text: str) -> list[Any]:
    """Return the list that a packet holds.

    Raises:
        ValueError: it holds anything else.
    """
    values = decode_json(text) if len(text) <= _LARGE else await decode_in_pieces(text.encode())
    if not isinstance(values, list):
        raise ValueError("a packet of an app holds no list")
    return values
