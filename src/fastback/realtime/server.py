"""The Socket.IO server at `/ws/socket.io`: what pages say, and how they are told.

Rooms: `user:{id}` holds every socket of a user, `chat:{id}` those that have a chat open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastback.access.events import GrantsChanged, GroupsChanged, SessionsRevoked, TokenRevoked, UserDeleted
from fastback.access.identity import IdentityResolver, User
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.events import ChatDeleted
from fastback.features.chats.lists import read_state_store
from fastback.features.chats.turn_events import ChatWatchers, TurnEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.realtime.log_filter import make_logger
from fastback.realtime.packets import Json, JsonPacket
from fastback.realtime.redis_address import build_redis_address
from fastback.realtime.sessions import SocketSession, SocketSessions
from fastback.realtime.socketio_import import create_redis_manager, socketio
from fastback.settings import Settings

log = logging.getLogger("fastback.realtime")

PATH = "/ws/socket.io"
_BUFFER = 16 * 1024 * 1024


class SocketServer:
    """Sockets of this process. With `WEBSOCKET_MANAGER=redis` rooms span processes."""

    def __init__(
        self,
        *,
        settings: Settings,
        db: Database,
        identities: IdentityResolver,
        rights: ChatAccess,
        bus: Bus,
        watchers: ChatWatchers,
    ) -> None:
        self._db = db
        self._identities = identities
        self._rights = rights
        self.sessions = SocketSessions()
        #: Told the id of each socket that has disconnected.
        self.disconnect_listeners: list[Callable[[str], None]] = []
        self._spans = settings.websocket_manager == "redis"
        self._ask_timeout = settings.websocket_event_caller_timeout or 300
        engine = settings.websocket_server_engineio_logging
        if engine is None:
            engine = settings.websocket_server_logging
        origins: Any = "*" if settings.cors_allow_origin == "*" else settings.cors_allow_origin.split(";")
        manager = None
        if self._spans:
            manager = create_redis_manager(*build_redis_address(settings), Json)
        self.io = socketio.AsyncServer(
            async_mode="asgi",
            cors_allowed_origins=origins,
            json=Json,
            serializer=JsonPacket,
            transports=["websocket", "polling"] if settings.enable_websocket_support else ["polling"],
            allow_upgrades=settings.enable_websocket_support,
            always_connect=True,
            client_manager=manager,
            ping_interval=settings.websocket_server_ping_interval,
            ping_timeout=settings.websocket_server_ping_timeout,
            max_http_buffer_size=_BUFFER,
            logger=make_logger("fastback.sockets", enabled=settings.websocket_server_logging),
            engineio_logger=make_logger("fastback.sockets.connections", enabled=engine),
        )
        self.asgi = socketio.ASGIApp(self.io, socketio_path=PATH)
        self._register_handlers()
        bus.subscribe(TurnEvent, self._send_turn_event)
        bus.subscribe(SessionsRevoked, lambda event: self.disconnect_user(event.user_id))
        bus.subscribe(UserDeleted, lambda event: self.disconnect_user(event.user_id))
        bus.subscribe(GroupsChanged, self._reconnect_users)
        bus.subscribe(GrantsChanged, self._recheck_after_grants)
        bus.subscribe(ChatDeleted, lambda event: self._recheck_chats([event.chat_id]))
        bus.subscribe(TokenRevoked, lambda event: self._disconnect_revoked(event.user_id))
        watchers.has_others = self._others  # type: ignore[method-assign]
        watchers.find_user_id = self._user_of  # type: ignore[method-assign]

    # -- out -------------------------------------------------------------------------------------------------------

    def get_room_members(self, room: str) -> Any:
        """The sockets of this process that are in a room."""
        return self.io.manager.rooms.get("/", {}).get(room)

    def _others(self, chat_id: str, session_id: str | None) -> bool:
        if self._spans:
            return True
        members = self.get_room_members(f"chat:{chat_id}")
        return bool(members) and any(sid != session_id for sid in members)

    def _user_of(self, session_id: str) -> str | None:
        session = self.sessions.get(session_id)
        return session.user.id if session is not None else None

    async def emit(self, event: str, data: Any, *, room: str, skip: str | None = None) -> None:
        """Send an event to a room; nothing is even encoded when nobody is there."""
        if not self._spans and not self.get_room_members(room):
            return
        await self.io.emit(event, data, room=room, skip_sid=skip)

    async def _send_turn_event(self, event: TurnEvent) -> None:
        if not event.only_shared:
            data: dict[str, Any] = {"chat_id": event.chat_id, "message_id": event.message_id, "data": event.data}
            await self.emit("events", data, room=f"user:{event.user_id}")
        if event.shared is not None:
            data = {
                "chat_id": event.chat_id,
                "message_id": event.message_id,
                "user_id": event.user_id,
                "shared": True,
                "data": event.shared,
            }
            await self.emit("events", data, room=f"chat:{event.chat_id}", skip=event.session_id)

    async def emit_to_user(self, user_id: str, data: dict[str, Any]) -> None:
        """Send an `events` event to every socket of a user."""
        await self.emit("events", data, room=f"user:{user_id}")

    async def call_page(self, session_id: str, user_id: str, data: dict[str, Any]) -> Any:
        """Ask a page, and wait for its answer; `{"error": …}` when it is gone or silent."""
        session = self.sessions.get(session_id)
        if session is None or session.user.id != user_id:
            return {"error": "Client session disconnected."}
        try:
            return await self.io.call("events", data, to=session_id, timeout=self._ask_timeout)
        except (TimeoutError, socketio.exceptions.TimeoutError):
            return {"error": "Event call timed out. The browser tab may be inactive or closed."}

    async def disconnect_user(self, user_id: str) -> None:
        """End every socket of a user."""
        for sid in self.sessions.list_user_socket_ids(user_id):
            await self.io.disconnect(sid)

    async def _reconnect_users(self, event: GroupsChanged) -> None:
        """Tell the pages of these users that they may do other things now; each comes back with a new socket."""
        for user_id in event.user_ids:
            for sid in self.sessions.list_user_socket_ids(user_id):
                await self.io.emit("access:updated", {}, to=sid)
            await self.disconnect_user(user_id)

    async def _disconnect_revoked(self, user_id: str) -> None:
        """End the sockets of a user whose token is worth nothing any more."""
        for sid in self.sessions.list_user_socket_ids(user_id):
            session = self.sessions.get(sid)
            if session and await self._identities.find(session.token, PATH) is None:
                await self.io.disconnect(sid)

    # -- in --------------------------------------------------------------------------------------------------------

    def _register_handlers(self) -> None:
        self.io.on("connect", self._handle_connect)
        self.io.on("disconnect", self._handle_disconnect)
        self.io.on("user-join", self._handle_user_join)
        self.io.on("heartbeat", self._handle_heartbeat)
        self.io.on("usage", self._handle_usage)
        self.io.on("events:chat", self._handle_chat_event)
        self.io.on("join-channels", self._ignore)

    async def _ignore(self, sid: str, data: Any = None) -> None:
        """Channels join their rooms when they are built."""

    async def sign_in(self, sid: str, auth: Any) -> User | None:
        """Who a page says that it is, if that is true."""
        token = auth.get("token") if isinstance(auth, dict) else None
        identity = await self._identities.find(token if isinstance(token, str) else None, PATH)
        if identity is None or not identity.user.is_verified:
            return None
        self.sessions.add(sid, identity.user, identity.token)
        await self.io.enter_room(sid, f"user:{identity.user.id}")
        return identity.user

    async def _handle_connect(self, sid: str, environ: Any, auth: Any = None) -> None:
        await self.sign_in(sid, auth)

    async def _handle_user_join(self, sid: str, data: Any = None) -> dict[str, str] | None:
        user = await self.sign_in(sid, data.get("auth") if isinstance(data, dict) else None)
        return None if user is None else {"id": user.id, "name": user.name}

    async def require_session(self, sid: str) -> SocketSession | None:
        """The signed-in session of a socket; one whose session has ended is disconnected."""
        session = self.sessions.get(sid)
        if session is not None and await self.refresh_session(session):
            return session
        await self.io.disconnect(sid)
        return None

    async def refresh_session(self, session: SocketSession) -> bool:
        """Whether a session has not ended; its user is then as they are now."""
        identity = await self._identities.find(session.token, PATH)
        if identity is None or not identity.user.is_verified:
            return False
        session.user = identity.user
        return True

    async def _handle_heartbeat(self, sid: str, data: Any = None) -> None:
        # Looking the session up is all: it counts as seen, and one that has ended is disconnected.
        await self.require_session(sid)

    async def _handle_usage(self, sid: str, data: Any = None) -> None:
        if isinstance(data, dict) and isinstance(data.get("model"), str) and await self.require_session(sid):
            self.sessions.record_model_use(sid, data["model"])

    async def _handle_disconnect(self, sid: str, reason: Any = None) -> None:
        session = self.sessions.remove(sid)
        for tell in self.disconnect_listeners:
            tell(sid)
        for chat_id in session.chat_ids if session else ():
            await self._send_presence(chat_id)

    async def _send_presence(self, chat_id: str) -> None:
        data = {
            "chat_id": chat_id,
            "shared": True,
            "data": {"type": "chat:presence", "data": {"users": self.sessions.list_chat_users(chat_id)}},
        }
        await self.emit("events", data, room=f"chat:{chat_id}")

    async def _handle_chat_event(self, sid: str, data: Any = None) -> bool | None:
        session = await self.require_session(sid)
        if session is None or not isinstance(data, dict):
            return None
        event, chat_id = data.get("data"), data.get("chat_id")
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(chat_id, str) or not is_stored(chat_id):
            return False if kind in ("typing", "join", "leave") else None
        if kind == "join":
            return await self._join_chat(sid, session, chat_id)
        if kind == "leave":
            await self._leave_chat(sid, session, chat_id)
            return True
        if kind == "typing":
            return await self._send_typing(sid, session.user, chat_id, event)
        if kind == "last_read_at":
            await self._mark_read(session.user, chat_id)
        return None

    async def _join_chat(self, sid: str, session: SocketSession, chat_id: str) -> bool:
        if not await self._rights.is_allowed(chat_id, session.user):
            return False
        await self.io.enter_room(sid, f"chat:{chat_id}")
        session.chat_ids.add(chat_id)
        await self._send_presence(chat_id)
        return True

    async def _recheck_after_grants(self, event: GrantsChanged) -> None:
        if event.resource_type in ("chat", "shared_chat"):
            await self._recheck_chats([event.resource_id])
        elif event.resource_type == "folder":
            # It opens what lies in the folders below it, too. To owners nothing changes.
            open_chats = {chat_id for _, one in self.sessions.items() for chat_id in one.chat_ids}
            await self._recheck_chats(list(open_chats), owners=False)

    async def _recheck_chats(self, chat_ids: list[str], *, owners: bool = True) -> None:
        """Have pages look again at these chats; who may not read one any more follows it no longer."""
        rooms = {chat_id: members for chat_id in chat_ids if (members := self.get_room_members(f"chat:{chat_id}"))}
        owner_of = await self._rights.load_owner_ids(list(rooms)) if rooms else {}
        for chat_id, members in rooms.items():
            for sid in list(members):
                session = self.sessions.get(sid)
                own = session is not None and owner_of.get(chat_id) == session.user.id
                if own and not owners:
                    continue
                if session is None or not (own or await self._rights.is_allowed(chat_id, session.user)):
                    await self._leave_chat(sid, session, chat_id)
                told = {"chat_id": chat_id, "shared": True, "data": {"type": "chat:access", "data": {}}}
                await self.io.emit("events", told, to=sid)

    async def _leave_chat(self, sid: str, session: SocketSession | None, chat_id: str) -> None:
        if session is not None:
            session.chat_ids.discard(chat_id)
        await self.io.leave_room(sid, f"chat:{chat_id}")
        await self._send_presence(chat_id)

    async def _send_typing(self, sid: str, user: User, chat_id: str, event: Any) -> bool:
        told = event.get("data")
        typing = told.get("typing") if isinstance(told, dict) else None
        if not isinstance(typing, bool) or sid not in (self.get_room_members(f"chat:{chat_id}") or ()):
            return False
        if not await self._rights.is_allowed(chat_id, user, "write"):
            return False
        data = {
            "chat_id": chat_id,
            "user_id": user.id,
            "user": {"id": user.id, "name": user.name},
            "shared": True,
            "data": {"type": "typing", "data": {"typing": typing}},
        }
        await self.emit("events", data, room=f"chat:{chat_id}", skip=sid)
        return True

    async def _mark_read(self, user: User, chat_id: str) -> None:
        read = await read_state_store.mark_chat_read(self._db, chat_id, user.id)
        if read is None:
            return
        told: dict[str, Any] = {"chat_id": chat_id, "last_read_at": read.at}
        if read.was_unread:
            told["folder_unread_counts"] = await read_state_store.count_unread_by_folder(self._db, user.id)
        await self.emit_to_user(user.id, {"chat_id": chat_id, "data": {"type": "chat:list", "data": told}})
