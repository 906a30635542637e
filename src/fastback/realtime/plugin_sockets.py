"""`sockets.…`: what plugins do with sockets through `sio` of `open_webui.socket.main`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import socketio

from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster.node_calls import CallFailed, Handler, NodeCalls
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods
from fastback.realtime.presence import ModelUses
from fastback.realtime.server import SocketServer
from fastback.realtime.sessions import SocketSession, SocketSessions

Json = dict[str, Any]

#: Seconds that a page has to reply at most.
MAX_CALL_SECONDS = 600.0
#: Seconds that another process has for what concerns its sockets, and what its methods for that begin with.
CALL_SECONDS, _PREFIX = 5.0, "plugin_sockets."


class PluginSockets:
    """Send events to rooms and sockets, and change who is in a room. Plugins are trusted: nothing is checked.

    What concerns sockets of other processes is done there.
    """

    def __init__(
        self, *, server: SocketServer, sessions: SocketSessions, model_uses: ModelUses, nodes: Nodes, calls: NodeCalls
    ) -> None:
        self._server = server
        self._sessions = sessions
        self._model_uses = model_uses
        self._nodes = nodes
        self._calls = calls

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
        for name, answer in self._list_own_methods().items():
            self._calls.add(f"{_PREFIX}{name}", answer)

    # -- events ------------------------------------------------------------------------------------------------------

    async def emit(
        self, event: str, data: Any = None, to: str | list[str] | None = None, skip: str | list[str] | None = None
    ) -> None:
        """Send an event to a room, a socket, several of these, or to all sockets."""
        if isinstance(to, str) and not isinstance(skip, list):
            await self._server.emit(event, data, room=to, skip=skip)
            return
        await self._call_others("emit", [event, data, to, skip])
        await self._server.io.emit(event, data, to=to, skip_sid=skip)

    async def call(self, event: str, data: Any = None, to: str = "", seconds: float | None = 60) -> Any:
        """Send an event to a socket, and return its reply.

        Raises:
            RemoteFailure: of the kind `timeout`: it does not reply in time.
        """
        limit = min(seconds, MAX_CALL_SECONDS) if seconds else MAX_CALL_SECONDS
        node_id = self._find_other_node(to)
        try:
            if node_id is None:
                return await self._server.io.call(event, data, to=to, timeout=limit)
            argument = msgspec.json.encode([event, data, to, limit])
            return msgspec.json.decode(await self._calls.call(node_id, f"{_PREFIX}call", argument, seconds=limit + 1))
        except (socketio.exceptions.TimeoutError, CallFailed):
            raise RemoteFailure("timeout", f"socket {to} did not reply within {limit:g} s") from None

    # -- rooms -------------------------------------------------------------------------------------------------------

    async def enter_room(self, sid: str, room: str) -> None:
        if self._server.io.find_engine_socket(sid) is not None:
            await self._server.io.enter_room(sid, room)
        else:
            await self._call_owner(sid, "enter_room", [sid, room])

    async def leave_room(self, sid: str, room: str) -> None:
        await self._server.io.leave_room(sid, room)
        await self._call_owner(sid, "leave_room", [sid, room])

    async def close_room(self, room: str) -> None:
        """Take every socket out of a room."""
        await self._server.io.close_room(room)
        await self._call_others("close_room", [room])

    async def list_rooms(self, sid: str) -> list[str]:
        """Return the rooms of a socket, its own among them."""
        if self._find_other_node(sid) is not None:
            return await self._call_owner(sid, "list_rooms", [sid]) or []
        return list(self._server.io.rooms(sid))

    async def list_members(self, room: str) -> list[str]:
        """Return the sockets that are in a room."""
        members = await self._list_own_members(room)
        for other_members in await self._call_others("list_members", [room]):
            members += other_members
        return members

    async def _list_own_members(self, room: str) -> list[str]:
        return list(self._server.get_room_members(room) or ())

    async def list_sessions(self) -> dict[str, Json]:
        """Return the users who are signed in on sockets, by socket."""
        sessions = await self._list_own_sessions()
        for other_sessions in await self._call_others("list_sessions", []):
            sessions |= other_sessions
        return sessions

    async def _list_own_sessions(self) -> dict[str, Json]:
        sessions = ((sid, self._sessions.get(sid)) for sid in self._sessions.list_socket_ids())
        return {sid: _describe_session(session) for sid, session in sessions if session is not None}

    async def list_models_in_use(self) -> list[str]:
        return await self._model_uses.list_models_in_use()

    async def disconnect(self, sid: str) -> None:
        await self._server.io.disconnect(sid)
        await self._call_owner(sid, "disconnect", [sid])

    # -- other processes ---------------------------------------------------------------------------------------------

    def _list_own_methods(self) -> dict[str, Handler]:
        """Return what this process does for plugins of other processes."""
        io = self._server.io

        async def call(argument: bytes) -> bytes:
            event, data, sid, seconds = msgspec.json.decode(argument)
            return msgspec.json.encode(await io.call(event, data, to=sid, timeout=seconds))

        def unpack(action: Callable[..., Awaitable[Any]]) -> Handler:
            return lambda argument: action(*msgspec.json.decode(argument))

        async def emit(event: str, data: Any, to: Any, skip: Any) -> None:
            await io.emit(event, data, to=to, skip_sid=skip)

        async def list_rooms(sid: str) -> list[str]:
            return list(io.rooms(sid))

        return {
            "call": call,
            "emit": unpack(emit),
            "enter_room": unpack(io.enter_room),
            "leave_room": unpack(io.leave_room),
            "close_room": unpack(io.close_room),
            "list_rooms": unpack(list_rooms),
            "list_members": unpack(self._list_own_members),
            "list_sessions": unpack(self._list_own_sessions),
            "disconnect": unpack(io.disconnect),
        }

    def _find_other_node(self, sid: str) -> str | None:
        return self._nodes.find_by_socket(sid) if self._nodes.are_several else None

    async def _call_owner(self, sid: str, name: str, arguments: list[Any]) -> Any:
        """Call a method of the process that has a socket; nothing happens where this one has it, or it is gone."""
        node_id = self._find_other_node(sid)
        if node_id is None:
            return None
        argument = msgspec.json.encode(arguments)
        replies = await self._calls.call_each([node_id], f"{_PREFIX}{name}", argument, seconds=CALL_SECONDS)
        return replies.get(node_id)

    async def _call_others(self, name: str, arguments: list[Any]) -> list[Any]:
        """Call a method of every other process, and return their replies."""
        if not self._nodes.has_others:
            return []
        argument, node_ids = msgspec.json.encode(arguments), self._nodes.list_other_ids()
        replies = await self._calls.call_each(node_ids, f"{_PREFIX}{name}", argument, seconds=CALL_SECONDS)
        return list(replies.values())


def _describe_session(session: SocketSession) -> Json:
    fields: Json = msgspec.to_builtins(session.user)
    return fields
