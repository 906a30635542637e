"""python-socketio's server over bounded Engine.IO sockets: it refuses packets that a client may not send."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from fastback.kit.http.fragments import FragmentedText
from fastback.kit.outages import choose_log_level, find_outage
from fastback.realtime.engine_server import EngineServer
from fastback.realtime.engine_socket import USER_PACKET_SIZE, EngineSocket
from fastback.realtime.packets import LARGE_PACKET, SlicedPacket, decode_large_packet
from fastback.realtime.socketio_import import engineio, socketio

log = logging.getLogger("fastback.realtime")

#: Binary attachments of one packet; their bytes in sum are those of the largest packet.
MOST_ATTACHMENTS = 10

#: Events that a page sends again by itself, or that end its socket anyway.
_REPEATED_EVENTS = ("heartbeat", "usage", "disconnect")
#: Characters of an event that is large, and the seconds that its sender waits for those who read it.
LARGE_EVENT, READ_PATIENCE = 64 * 1024, 0.25
#: Bytes of the slices of a large event of another process.
_SLICE = 64 * 1024
#: How often the sender looks whether they have read.
_READ_CHECKS = 50
#: What the library raises for invalid packets.
_INVALID_PACKET = (ValueError, TypeError, LookupError, AttributeError)


class BoundedServer(socketio.AsyncServer):  # type: ignore[misc]
    """A Socket.IO server whose clients cannot fill its memory; see `EngineServer` for its further options."""

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def find_engine_socket(self, sid: str) -> EngineSocket | None:
        """Return the Engine.IO socket that carries a Socket.IO socket."""
        return self._get_engine_socket(self.manager.eio_sid_from_sid(sid, "/"))

    def _get_engine_socket(self, eio_sid: str | None) -> EngineSocket | None:
        socket = self.eio.sockets.get(eio_sid)
        return socket if isinstance(socket, EngineSocket) else None

    def encode_event(self, event: str, data: Any) -> str:
        """Return the text of the packet of an event."""
        text: str = self.packet_class(socketio.packet.EVENT, data=[event, data]).encode()
        return text

    def post_text(self, text: str, eio_sids: Iterable[str], *, replaces: str | None = None) -> None:
        """Queue the text of an event for sockets of this process.

        It takes the place of an earlier event with the same key `replaces` that a socket has not read yet.
        """
        self._post_packet(engineio.packet.Packet(engineio.packet.MESSAGE, text), eio_sids, replaces)

    def post_slices(self, json_slices: list[bytes], eio_sids: Iterable[str], *, replaces: str | None = None) -> int:
        """Queue an event whose JSON is in slices, as `post_text`. Return its size."""
        packet = SlicedPacket(json_slices)
        self._post_packet(packet, eio_sids, replaces)
        return packet.size

    def post_encoded(self, content: bytes, eio_sids: Iterable[str], *, replaces: str | None = None) -> None:
        """Queue an event that another process has encoded, as `post_text`; a large one in slices."""
        if len(content) > LARGE_EVENT:
            slices = [content[start : start + _SLICE] for start in range(1, len(content), _SLICE)]
            self.post_slices(slices, eio_sids, replaces=replaces)
        else:
            self.post_text(content.decode(), eio_sids, replaces=replaces)

    def _post_packet(self, packet: Any, eio_sids: Iterable[str], replaces: str | None) -> None:
        for eio_sid in eio_sids:
            socket = self._get_engine_socket(eio_sid)
            if socket is not None and not socket.closing:
                socket.post(packet, replaces=replaces)

    async def wait_for_readers(self, eio_sids: Iterable[str]) -> None:
        """Wait a moment until sockets have read most of what waits for them: a large event is not to close them."""
        sockets = [socket for eio_sid in eio_sids if (socket := self._get_engine_socket(eio_sid)) is not None]
        for _ in range(_READ_CHECKS):
            if not any(socket.has_large_backlog for socket in sockets):
                return
            await asyncio.sleep(READ_PATIENCE / _READ_CHECKS)

    # -- rooms -----------------------------------------------------------------------------------------------------

    def is_connected(self, sid: str) -> bool:
        """Return whether a socket is there. It may be gone when its event has waited for the database."""
        is_leaving = sid in self.manager.pending_disconnect.get("/", ())
        return not is_leaving and self.manager.eio_sid_from_sid(sid, "/") is not None

    async def enter_room(self, sid: str, room: str, namespace: str | None = None) -> None:
        """Let a socket join a room, unless it is gone."""
        if self.is_connected(sid):
            await super().enter_room(sid, room, namespace)

    # -- receiving -------------------------------------------------------------------------------------------------

    async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        # Handlers read nothing else of the request, which would stay in memory with its socket.
        self.environ[eio_sid] = {"wsgi.url_scheme": environ["wsgi.url_scheme"]}

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        socket = self._get_engine_socket(eio_sid)
        if socket is None or socket.closing:
            return
        try:
            self._check_attachment(socket, eio_sid, data)
            if isinstance(data, FragmentedText) or (isinstance(data, str) and len(data) > LARGE_PACKET):
                data = await decode_large_packet(data)
                if socket.closing:
                    return
            await super()._handle_eio_message(eio_sid, data)
            self._check_attachment_count(socket, eio_sid)
        except _INVALID_PACKET as error:
            self._binary_packet.pop(eio_sid, None)
            log.debug("a packet of socket %s is invalid", socket.sid, exc_info=error)
            socket.close_soon(f"invalid packet ({error})")

    async def _handle_event(self, eio_sid: str, namespace: str, id: int | None, data: Any) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("an event has no name")
        if data[0] in self.reserved_events:
            raise ValueError("an event has a reserved name")
        await super()._handle_event(eio_sid, namespace, id, data[:2])

    async def _trigger_event(self, event: str, namespace: str, *arguments: Any) -> Any:
        """Call the handler of an event; where an outage stops it, close the socket unless nothing is lost by that.

        A page opens a new socket then, as after a lost connection: it signs in, joins its rooms, and sends what it has.
        """
        try:
            return await super()._trigger_event(event, namespace, *arguments)
        except Exception as error:
            if find_outage(error) is None:
                raise
            level = choose_log_level(error)
            log.log(level, "socket event %s failed", event, exc_info=error)
            socket = self.find_engine_socket(arguments[0])
            if socket is not None and event not in _REPEATED_EVENTS:
                socket.close_soon("the database is unavailable", level=level)
            return None

    def _check_attachment(self, socket: EngineSocket, eio_sid: str, data: Any) -> None:
        """Check that an attachment is expected and small enough, and that nothing else comes in its place.

        Raises:
            ValueError: it is not.
        """
        if isinstance(data, bytes) != (eio_sid in self._binary_packet):
            raise ValueError("binary data in the wrong place")
        if isinstance(data, bytes):
            socket.attachment_bytes += len(data)
            if socket.attachment_bytes > USER_PACKET_SIZE:
                raise ValueError("attachments too large")

    def _check_attachment_count(self, socket: EngineSocket, eio_sid: str) -> None:
        """Check how many attachments a packet announces.

        Raises:
            ValueError: they are too many, or no user has signed in.
        """
        packet = self._binary_packet.get(eio_sid)
        if packet is None:
            socket.attachment_bytes = 0
        elif packet.attachment_count > (MOST_ATTACHMENTS if socket.is_signed_in else 0):
            raise ValueError("too many attachments")
