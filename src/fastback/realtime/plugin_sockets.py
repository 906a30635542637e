"""`sockets.…`: what plugins do with sockets through `sio` of `open_webui.socket.main`."""

from __future__ import annotations

from typing import Any

import msgspec
import socketio

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods
from fastback.realtime.server import SocketServer
from fastback.realtime.sessions import SocketSession, SocketSessions

Json = dict[str, Any]

#: Seconds that a page has to reply at most.
MAX_CALL_SECONDS = 600.0


class PluginSockets:
    """Send events to rooms and sockets, and change who is in a room. Plugins are trusted: nothing is checked."""

    def __init__(self, server: SocketServer, sessions: SocketSessions) -> None:
        self._server = server
        self._sessions = sessions

    def add_to(self, methods: HostMethods) -> None:
        methods.add("sockets.emit", self.emit)
        methods.add("sockets.call", self.call)
        methods.add("sockets.enter_room", self.enter_room)
        methods.add("sockets.leave_room", self.leave_room)
        methods.add("sockets.close_room", self.close_room)
        methods.add("sockets.list_rooms", self.list_rooms)
        methods.add("sockets.list_members", self.list_members)
        methods.add("sockets.list_sessions", self.list_sessions)
        methods.add("sockets.list_models_in_use", self.list_models_in_use)
        methods.add("sockets.disconnect", self.disconnect)

    async def emit(
        self, event: str, data: Any = None, to: str | list[str] | None = None, skip: str | list[str] | None = None
    ) -> None:
        """Send an event to a room, a socket, several of these, or to all sockets."""
        if isinstance(to, str) and not isinstance(skip, list):
            await self._server.emit(event, data, room=to, skip=skip)
        else:
            await self._server.io.emit(event, data, to=to, skip_sid=skip)

    async def call(self, event: str, data: Any = None, to: str = "", seconds: float | None = 60) -> Any:
        """Send an event to a socket, and return its reply.

        Raises:
            RemoteFailure: of the kind `timeout`: it does not reply in time.
        """
        limit = min(seconds, MAX_CALL_SECONDS) if seconds else MAX_CALL_SECONDS
        try:
            return await self._server.io.call(event, data, to=to, timeout=limit)
        except socketio.exceptions.TimeoutError:
            raise RemoteFailure("timeout", f"socket {to} did not reply within {limit:g} s") from None

    async def enter_room(self, sid: str, room: str) -> None:
        if self._server.io.find_engine_socket(sid) is not None:
            await self._server.io.enter_room(sid, room)

    async def leave_room(self, sid: str, room: str) -> None:
        await self._server.io.leave_room(sid, room)

    async def close_room(self, room: str) -> None:
        """Take every socket out of a room."""
        await self._server.io.close_room(room)

    async def list_rooms(self, sid: str) -> list[str]:
        """Return the rooms of a socket, its own among them."""
        return list(self._server.io.rooms(sid))

    async def list_members(self, room: str) -> list[str]:
        """Return the sockets of this server that are in a room."""
        return list(self._server.get_room_members(room) or ())

    async def list_sessions(self) -> dict[str, Json]:
        """Return the users who are signed in on sockets of this server, by socket."""
        sessions = ((sid, self._sessions.get(sid)) for sid in self._sessions.list_socket_ids())
        return {sid: _describe_session(session) for sid, session in sessions if session is not None}

    async def list_models_in_use(self) -> list[str]:
        return self._sessions.list_models_in_use()

    async def disconnect(self, sid: str) -> None:
        await self._server.io.disconnect(sid)


def _describe_session(session: SocketSession) -> Json:
    fields: Json = msgspec.to_builtins(session.user)
    return fields
