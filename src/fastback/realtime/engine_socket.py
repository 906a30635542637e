"""One Engine.IO socket, with bounds for what its client sends and for what waits until its client reads it.

Engine.IO carries the packets of Socket.IO over a WebSocket or long polling. A socket on which no user has signed in may
send small packets only, and is closed after a while.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from fastback.kit.http.websocket_protocol import WebSocketProtocol, find_websocket
from fastback.kit.pacing import let_others_run
from fastback.realtime.packets import SlicedPacket
from fastback.realtime.socketio_import import engineio

log = logging.getLogger("fastback.realtime")

#: Bytes of the largest packet before and after a user has signed in.
STRANGER_PACKET_SIZE, USER_PACKET_SIZE = 64 * 1024, 16 * 1024 * 1024
#: Bytes that may wait for a client before a user has signed in.
_STRANGER_BACKLOG = 256 * 1024
#: Bytes after which the packets that wait are sent, and the others wait for the next time.
_BATCH_SIZE = 256 * 1024
#: Bytes of memory that a waiting packet takes besides its text.
_PACKET_OVERHEAD = 512
#: Packets that are freed in one turn of the event loop.
_FREED_AT_ONCE = 200
#: Seconds that a client has to read why its socket is closed; then its connection is cut off.
_CLOSE_SECONDS = 1.0


class _Snapshot:
    """A packet in the queue that a newer one replaces while it waits."""

    def __init__(self, key: str, packet: Any) -> None:
        self.key = key
        self.packet = packet


class EngineSocket(engineio.async_socket.AsyncSocket):  # type: ignore[misc]
    """A socket. `server` is the `EngineServer`, which has the limits that settings change.

    Attributes:
        max_packet_size: bytes of the largest packet that the client may send.
        attachment_bytes: those of the attachments of the packet that is arriving.
    """

    queue: asyncio.Queue[Any]

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        self.last_ping: float | None = None
        self.max_packet_size = STRANGER_PACKET_SIZE
        self.attachment_bytes = 0
        self._websocket: WebSocketProtocol | None = None
        self._deadline: asyncio.TimerHandle | None = None
        #: Sends the next ping, or closes the socket where the last one is not answered.
        self._ping_timer: asyncio.TimerHandle | None = None
        self._closing_task: asyncio.Future[None] | None = None
        self._dropping_task: asyncio.Future[None] | None = None
        self._finish: asyncio.Future[None] | None = None
        #: Bytes of the packets in the queue, and of the packets that are being sent.
        self._queued_bytes = 0
        self._sending_bytes = 0
        self._snapshots: dict[str, _Snapshot] = {}
        self.forget_user()

    # -- signing in ------------------------------------------------------------------------------------------------

    @property
    def is_signed_in(self) -> bool:
        """Whether a user has signed in."""
        return self.max_packet_size == USER_PACKET_SIZE

    def accept_user(self) -> None:
        """Let the client send large packets: a user has signed in."""
        self._stop_waiting()
        self._set_packet_size(USER_PACKET_SIZE)

    def forget_user(self) -> None:
        """Let the client send small packets only; close the socket unless a user signs in soon."""
        self._set_packet_size(STRANGER_PACKET_SIZE)
        self._stop_waiting()
        if not self.closing and not self.closed:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self.server.sign_in_seconds, self.close_soon, "no user has signed in")
            self.server.limits.add_stranger(self, self._cut_off)

    def _set_packet_size(self, size: int) -> None:
        self.max_packet_size = size
        if self._websocket is not None:
            self._websocket.set_message_size(size)

    def _stop_waiting(self) -> None:
        """Stop waiting for a user."""
        self.server.limits.remove_stranger(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # -- sending ---------------------------------------------------------------------------------------------------

    @property
    def has_large_backlog(self) -> bool:
        """Whether more than half of what may wait for the client does."""
        return not self.closing and 2 * (self._queued_bytes + self._sending_bytes) > self.server.max_backlog

    async def send(self, pkt: Any) -> None:
        self.post(pkt)

    def post(self, packet: Any, *, replaces: str | None = None) -> None:
        """Queue a packet. It takes the place of one with the same key `replaces` that still waits.

        Where the client has read too little, the socket is closed instead.
        """
        if self.closed:
            return
        if replaces is not None and (snapshot := self._snapshots.get(replaces)) is not None:
            self._queued_bytes += _get_size(packet) - _get_size(snapshot.packet)
            snapshot.packet = packet
            return
        backlog = self.server.max_backlog if self.is_signed_in else _STRANGER_BACKLOG
        if self._queued_bytes + self._sending_bytes > backlog and not self.closing:
            self._drop_queue()
            self.close_soon(f"more than {backlog} bytes wait for it")
            return
        self._queued_bytes += _get_size(packet)
        if replaces is None:
            self.queue.put_nowait(packet)
        else:
            self._snapshots[replaces] = _Snapshot(replaces, packet)
            self.queue.put_nowait(self._snapshots[replaces])
        self.server.logger.info("%s: Sending packet %s", self.sid, engineio.packet.packet_names[packet.packet_type])

    async def poll(self) -> list[Any]:
        """Return the packets to send next; those of the last call have been sent. An empty list is the end."""
        self._sending_bytes = 0
        packets: list[Any] = []
        entry = self.queue.get_nowait() if not self.queue.empty() else await self._wait_for_packet()
        while entry is not None:
            packets.append(self._take_packet(entry))
            if self._sending_bytes >= _BATCH_SIZE or self.queue.empty():
                return packets
            entry = self.queue.get_nowait()
        if packets:
            self.queue.put_nowait(None)
        if self._finish is not None and not self._finish.done() and not (packets and self.upgraded):
            self._finish.set_result(None)
        return packets

    async def _wait_for_packet(self) -> Any:
        seconds = self.server.ping_interval + self.server.ping_timeout
        try:
            return await asyncio.wait_for(self.queue.get(), seconds)
        except (TimeoutError, asyncio.CancelledError):
            raise engineio.exceptions.QueueEmpty from None

    def _take_packet(self, entry: Any) -> Any:
        packet = entry
        if isinstance(entry, _Snapshot):
            packet = entry.packet
            self._snapshots.pop(entry.key, None)  # the queue may just have been dropped
        size = _get_size(packet)
        self._queued_bytes -= size
        self._sending_bytes += size
        return packet

    def _drop_queue(self) -> None:
        dropped, self.queue = self.queue, self.server.create_queue()
        self._dropping_task = asyncio.ensure_future(_empty_queue(dropped))
        self._snapshots = {}
        self._queued_bytes = 0

    # -- receiving -------------------------------------------------------------------------------------------------

    async def receive(self, pkt: Any) -> None:
        """Handle a packet. The library ignores types that only servers send, and would log a fault for unknown ones.

        Raises:
            UnknownPacketError: there is no such type.
        """
        if pkt.packet_type >= len(engineio.packet.packet_names):
            raise engineio.exceptions.UnknownPacketError
        await super().receive(pkt)

    async def handle_post_request(self, environ: Any) -> None:
        try:
            await super().handle_post_request(environ)
        except engineio.exceptions.EngineIOError:
            raise
        except Exception as error:
            log.debug("packets of socket %s are invalid: %s", self.sid, error)
            raise engineio.exceptions.EngineIOError from error

    async def _upgrade_websocket(self, environ: Any) -> Any:
        if self.upgraded or self.upgrading:
            return self.server._bad_request()
        websocket = self._websocket = find_websocket(environ["asgi.scope"])
        if websocket is None:
            return await super()._upgrade_websocket(environ)
        websocket.set_message_size(self.max_packet_size)
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(self.server.sign_in_seconds, self._abort_unless_upgraded, websocket)
        try:
            return await super()._upgrade_websocket(environ)
        finally:
            deadline.cancel()

    def _abort_unless_upgraded(self, websocket: WebSocketProtocol) -> None:
        if not self.upgraded:
            websocket.abort()

    async def _websocket_handler(self, ws: Any) -> None:
        try:
            await super()._websocket_handler(ws)
        except Exception as error:
            log.debug("a packet of socket %s is invalid: %s", self.sid, error)
            if self.upgraded:
                await self.close()
        finally:
            if not self.upgraded:
                self.upgrading = False  # long polling goes on

    # -- pings -----------------------------------------------------------------------------------------------------

    def schedule_ping(self) -> None:
        """Send a ping later. The library calls this when the socket opens, and for each answer to a ping."""
        if self._ping_timer is not None:
            if self.last_ping is None:
                return  # an answer to no ping
            self._ping_timer.cancel()
        self.last_ping = None
        self._ping_timer = asyncio.get_running_loop().call_later(self.server.ping_interval, self._send_ping_now)

    def _send_ping_now(self) -> None:
        self.post(engineio.packet.Packet(engineio.packet.PING))
        self.last_ping = time.time()
        loop = asyncio.get_running_loop()
        self._ping_timer = loop.call_later(self.server.ping_timeout, self.close_soon, "it answers no ping")

    # -- closing ---------------------------------------------------------------------------------------------------

    def close_soon(self, reason: str, *, level: int = logging.INFO) -> None:
        """Close the socket in the background; the reason is logged."""
        log.log(level, "socket %s closed: %s", self.sid, reason)
        self._closing_task = asyncio.ensure_future(self.close())

    async def finish(self) -> None:
        """Close the socket, and wait until its client has been sent what waits for it."""
        self._finish = asyncio.get_running_loop().create_future()
        await self.close()
        await self._finish

    def _cut_off(self) -> None:
        if self._websocket is not None:
            self._websocket.abort()
        else:
            self.close_soon("too many wait for a user to sign in")

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """Close the socket, and cut its connection off a moment later.

        The library would wait until the client has read everything, which it may never do.
        """
        if self.closing or self.closed:
            return
        self._stop_waiting()
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        await super().close(wait=False, abort=abort, reason=reason)
        self.server.forget_socket(self)
        self.queue.put_nowait(None)
        if self._websocket is not None:
            asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self._websocket.abort)


async def _empty_queue(queue: asyncio.Queue[Any]) -> None:
    """Free the packets of a queue while others run: there may be thousands."""
    while not queue.empty():
        for _ in range(min(queue.qsize(), _FREED_AT_ONCE)):
            queue.get_nowait()
        await let_others_run()


def _get_size(packet: Any) -> int:
    """Return the bytes of memory that a packet takes."""
    if isinstance(packet, SlicedPacket):
        return packet.size
    return _PACKET_OVERHEAD + (len(packet.data) if isinstance(packet.data, str | bytes) else 0)
