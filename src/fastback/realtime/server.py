"""The Socket.IO server at `/ws/socket.io`: who signs in on a socket, and what is sent to it.

The room `user:{id}` holds every socket of a user; other modules add rooms of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

from fastback.access.events import AllSessionsRevoked, GroupsChanged, SessionsRevoked, TokenRevoked, UserDeleted
from fastback.access.identity import IdentityResolver, User
from fastback.features.nodes.nodes import Nodes
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.sliced_json import encode_in_slices, is_large_value
from fastback.realtime.bounded_server import LARGE_EVENT, BoundedServer
from fastback.realtime.connected_users import ClusterUsers
from fastback.realtime.engine_socket import USER_PACKET_SIZE
from fastback.realtime.log_filter import make_logger
from fastback.realtime.packets import JsonPacket, PacketJson
from fastback.realtime.presence import ModelUses
from fastback.realtime.sessions import SocketSession, SocketSessions
from fastback.realtime.socketio_import import socketio
from fastback.settings import Settings

if TYPE_CHECKING:
    from fastback.realtime.socket_relay import RelayedEvent, SocketRelay

log = logging.getLogger("fastback.sockets")

PATH = "/ws/socket.io"

#: Called with the id of a socket whose page is ready to receive events, and its user.
JoinListener = Callable[[str, User], Awaitable[None]]
#: Called with the id of a socket that has disconnected, and with its session where a user had signed in.
DisconnectListener = Callable[[str, SocketSession | None], Awaitable[None]]


class SocketServer:
    """The sockets of this process. Events reach the sockets of other processes that are in a room, too.

    Attributes:
        io: python-socketio's server.
        asgi: the application that answers below `PATH`.
        sessions: the sockets on which a user has signed in.
        join_listeners: called in order after a page has joined.
        disconnect_listeners: called in order after a socket has disconnected.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        identities: IdentityResolver,
        sessions: SocketSessions,
        limits: ConnectionLimits,
        connected: ClusterUsers,
        model_uses: ModelUses,
        cluster: Cluster,
        nodes: Nodes,
        bus: Bus,
    ) -> None:
        self.sessions = sessions
        self._connected = connected
        self._model_uses = model_uses
        self.join_listeners: list[JoinListener] = []
        self.disconnect_listeners: list[DisconnectListener] = []
        self._identities = identities
        self._max_user_sockets = settings.fastback_max_sockets_per_user
        self._nodes = nodes
        self._relay: SocketRelay | None = None
        if nodes.are_several:
            from fastback.realtime.socket_relay import SocketRelay

            tables = {"user": connected.table, "chat": sessions.open_chats}
            self._relay = SocketRelay(
                cluster=cluster,
                nodes=nodes,
                tables={kind: table for kind, table in tables.items() if table is not None},
                receive=self._post_relayed,
            )
        self.io = self._create_server(settings, limits)
        self.asgi = socketio.ASGIApp(self.io, socketio_path=PATH)
        self.io.on("connect", self._handle_connect)
        self.io.on("disconnect", self._handle_disconnect)
        self.io.on("user-join", self._handle_user_join)
        self.io.on("heartbeat", self._handle_heartbeat)
        self.io.on("usage", self._handle_usage)
        bus.subscribe(SessionsRevoked, lambda event: self.disconnect_user(event.user_id), elsewhere=True)
        bus.subscribe(AllSessionsRevoked, lambda event: self._disconnect_all(), elsewhere=True)
        bus.subscribe(UserDeleted, lambda event: self.disconnect_user(event.user_id), elsewhere=True)
        bus.subscribe(GroupsChanged, self._reconnect_users, elsewhere=True)
        bus.subscribe(TokenRevoked, lambda event: self._disconnect_revoked(event.user_id), elsewhere=True)

    def _create_server(self, settings: Settings, limits: ConnectionLimits) -> BoundedServer:
        log_engine = settings.websocket_server_engineio_logging
        if log_engine is None:
            log_engine = settings.websocket_server_logging
        origins: Any = "*" if settings.cors_allow_origin == "*" else settings.cors_allow_origin.split(";")
        transports = ["websocket", "polling"] if settings.enable_websocket_support else ["polling"]
        if settings.uvicorn_workers > 1 and settings.enable_websocket_support:
            transports = ["websocket"]  # each request of long polling would reach another process
        return BoundedServer(
            id_suffix=self._nodes.tag,
            sign_in_seconds=settings.fastback_socket_sign_in_timeout,
            max_backlog=settings.fastback_max_socket_backlog,
            limits=limits,
            async_mode="asgi",
            cors_allowed_origins=origins,
            json=PacketJson,
            serializer=JsonPacket,
            transports=transports,
            allow_upgrades=settings.enable_websocket_support,
            always_connect=True,
            ping_interval=settings.websocket_server_ping_interval,
            ping_timeout=settings.websocket_server_ping_timeout,
            max_http_buffer_size=USER_PACKET_SIZE,
            logger=make_logger("fastback.sockets", enabled=settings.websocket_server_logging),
            engineio_logger=make_logger("fastback.sockets.connections", enabled=log_engine),
        )

    # -- sending ---------------------------------------------------------------------------------------------------

    def get_room_members(self, room: str) -> Any:
        """Return the ids of the sockets of this process that are in a room, or None."""
        return self.io.manager.rooms.get("/", {}).get(room)

    async def emit(
        self,
        event: str,
        data: Any,
        *,
        room: str,
        skip: str | None = None,
        replaces: str | None = None,
        sid: str | None = None,
    ) -> None:
        """Send an event to every socket in a room but `skip`; where the room is empty nothing is encoded.

        For a socket that has not read an earlier event with the same key `replaces`, the event takes its place. A large
        one is encoded and sent in slices. `sid`: a socket in the room; another process may not have told of it yet.
        """
        node_ids = self._relay.find_receivers(room, sid) if self._relay is not None else ()
        await self._emit(event, data, room=room, skip=skip, replaces=replaces, node_ids=node_ids)

    async def emit_here(self, event: str, data: Any, *, room: str) -> None:
        """Send an event to the sockets of this process that are in a room."""
        await self._emit(event, data, room=room)

    async def emit_to_socket(self, event: str, data: Any, sid: str) -> None:
        """Send an event to one socket, which may be one of another process."""
        node_id = self._nodes.find_by_socket(sid) if self._relay is not None else None
        await self._emit(event, data, room=sid, node_ids=(node_id,) if node_id is not None else ())

    async def _emit(
        self,
        event: str,
        data: Any,
        *,
        room: str,
        skip: str | None = None,
        replaces: str | None = None,
        node_ids: Collection[str] = (),
    ) -> None:
        """Send as `emit`, to the sockets of this process and of these others."""
        eio_sids = self._list_eio_sids(room, skip)
        if not eio_sids and not node_ids:
            return
        if is_large_value(data):
            json_slices = await encode_in_slices([event, data])
            eio_sids = self._list_eio_sids(room, skip)
            size = self.io.post_slices(json_slices, eio_sids, replaces=replaces)
            content = b"".join((b"2", *json_slices)) if node_ids else b""
        else:
            text = self.io.encode_event(event, data)
            size = len(text)
            self.io.post_text(text, eio_sids, replaces=replaces)
            content = text.encode() if node_ids else b""
        if node_ids and self._relay is not None:
            await self._relay.send(node_ids, room, content, skip=skip, replaces=replaces)
        if size > LARGE_EVENT:
            await self.io.wait_for_readers(eio_sids)

    def _post_relayed(self, event: RelayedEvent) -> None:
        """Queue an event of another process for the sockets of this one."""
        if eio_sids := self._list_eio_sids(event.room, event.skip):
            self.io.post_encoded(event.content, eio_sids, replaces=event.replaces)

    def _list_eio_sids(self, room: str, skip: str | None) -> list[str]:
        members = self.get_room_members(room)
        return [eio_sid for sid, eio_sid in members.items() if sid != skip] if members else []

    async def emit_to_user(self, user_id: str, data: dict[str, Any], sid: str | None = None) -> None:
        """Send an `events` event to every socket of a user, as `emit`."""
        await self.emit("events", data, room=f"user:{user_id}", sid=sid)

    async def close(self) -> None:
        """Close every socket once what waits for it is sent. Their pages connect again, as after a lost connection."""
        await self.io.eio.finish_sockets()

    async def disconnect_user(self, user_id: str) -> None:
        """Disconnect every socket of a user."""
        for sid in self.sessions.list_user_socket_ids(user_id):
            await self.io.disconnect(sid)

    async def _disconnect_all(self) -> None:
        """Disconnect every socket on which a user has signed in."""
        for sid in self.sessions.list_socket_ids():
            await self.io.disconnect(sid)
            await asyncio.sleep(0)  # there may be thousands: let others run in between

    async def _reconnect_users(self, event: GroupsChanged) -> None:
        """Tell the pages of users that their permissions have changed; each page reconnects with a new socket."""
        for user_id in event.user_ids:
            for sid in self.sessions.list_user_socket_ids(user_id):
                await self.io.emit("access:updated", {}, to=sid)
            await self.disconnect_user(user_id)

    async def _disconnect_revoked(self, user_id: str) -> None:
        """Disconnect the sockets of a user whose token is no longer valid."""
        for sid in self.sessions.list_user_socket_ids(user_id):
            session = self.sessions.get(sid)
            if session and await self._identities.find(session.token, PATH) is None:
                await self.io.disconnect(sid)

    # -- signing in ------------------------------------------------------------------------------------------------

    async def sign_in(self, sid: str, auth: Any) -> User | None:
        """Sign a user in on a socket with `auth`, `{"token": …}`; None where the token is missing or not valid.

        None also where the socket is gone by then: its session would never end.
        """
        token = auth.get("token") if isinstance(auth, dict) else None
        identity = await self._identities.find(token if isinstance(token, str) else None, PATH)
        if identity is None or not identity.user.is_verified or not self.io.is_connected(sid):
            return None
        if (socket := self.io.find_engine_socket(sid)) is not None:
            socket.accept_user()
        self.sessions.add(sid, identity.user, identity.token)
        await self.io.enter_room(sid, f"user:{identity.user.id}")
        await self._connected.add(identity.user.id)
        await self._close_oldest_sockets(identity.user.id)
        return identity.user

    async def _close_oldest_sockets(self, user_id: str) -> None:
        """Disconnect the oldest sockets of a user who has too many."""
        members = self.get_room_members(f"user:{user_id}") or ()
        if len(members) > self._max_user_sockets:
            for sid in list(members)[: len(members) - self._max_user_sockets]:
                log.info("disconnected the oldest of %d sockets of user %s", len(members), user_id)
                await self.io.disconnect(sid)

    async def require_session(self, sid: str) -> SocketSession | None:
        """Return the session of a socket; disconnect a socket without one, or whose token is no longer valid."""
        session = self.sessions.get(sid)
        if session is not None and await self.refresh_session(session):
            return session
        await self.io.disconnect(sid)
        return None

    async def refresh_session(self, session: SocketSession) -> bool:
        """Reload the user of a session, in place; return whether its token is still valid."""
        identity = await self._identities.find(session.token, PATH)
        if identity is None or not identity.user.is_verified:
            return False
        session.user = identity.user
        return True

    # -- receiving -------------------------------------------------------------------------------------------------

    async def _handle_connect(self, sid: str, environ: Any, auth: Any = None) -> None:
        await self.sign_in(sid, auth)

    async def _handle_user_join(self, sid: str, data: Any = None) -> dict[str, str] | None:
        user = await self.sign_in(sid, data.get("auth") if isinstance(data, dict) else None)
        if user is None:
            return None
        for listener in self.join_listeners:
            await listener(sid, user)
        return {"id": user.id, "name": user.name}

    async def _handle_heartbeat(self, sid: str, data: Any = None) -> None:
        # Looking the session up makes its user count as active, and disconnects an ended session.
        session = await self.require_session(sid)
        if session is not None:
            await self._connected.add(session.user.id)

    async def _handle_usage(self, sid: str, data: Any = None) -> None:
        if isinstance(data, dict) and isinstance(data.get("model"), str) and await self.require_session(sid):
            await self._model_uses.record(sid, data["model"])

    async def _handle_disconnect(self, sid: str, reason: Any = None) -> None:
        session = self.sessions.remove(sid)
        if session is not None and not set(self.get_room_members(f"user:{session.user.id}") or ()) - {sid}:
            await self._connected.remove(session.user.id)
        if (socket := self.io.find_engine_socket(sid)) is not None:
            socket.forget_user()
        for listener in self.disconnect_listeners:
            await listener(sid, session)
