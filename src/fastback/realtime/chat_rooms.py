"""Pages that have a chat open: what a turn sends them, who else is present, who is typing.

The room `chat:{id}` holds the sockets that have a chat open.
"""

from __future__ import annotations

from typing import Any

from fastback.access.events import GrantsChanged
from fastback.access.identity import User
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.events import ChatDeleted
from fastback.features.chats.lists import read_state_store
from fastback.features.chats.timers.cancellation import READ, cancel_timers
from fastback.features.chats.turn_events import TurnEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks
from fastback.realtime.server import SocketServer
from fastback.realtime.sessions import SocketSession


class ChatRooms:
    """Let sockets join the rooms of chats that their users may read, and send them what happens there."""

    def __init__(self, *, server: SocketServer, db: Database, access: ChatAccess, tasks: Tasks, bus: Bus) -> None:
        self._server = server
        self._sessions = server.sessions
        self._db = db
        self._access = access
        self._tasks = tasks
        server.io.on("events:chat", self._handle_chat_event)
        server.disconnect_listeners.append(self._announce_departure)
        bus.subscribe(TurnEvent, self._send_turn_event)
        bus.subscribe(GrantsChanged, self._recheck_after_grants, elsewhere=True)
        bus.subscribe(ChatDeleted, lambda event: self._recheck_chats([event.chat_id]), elsewhere=True)
        if self._sessions.open_chats is not None:
            self._sessions.open_chats.listeners.append(self._handle_remote_change)

    async def _send_turn_event(self, event: TurnEvent) -> None:
        if not event.only_shared:
            data: dict[str, Any] = {"chat_id": event.chat_id, "message_id": event.message_id, "data": event.data}
            await self._server.emit_to_user(event.user_id, data, event.session_id)
        if event.shared is not None:
            data = {
                "chat_id": event.chat_id,
                "message_id": event.message_id,
                "user_id": event.user_id,
                "shared": True,
                "data": event.shared,
            }
            replaces = f"{event.chat_id} {event.message_id}" if event.is_snapshot else None
            room = f"chat:{event.chat_id}"
            await self._server.emit("events", data, room=room, skip=event.session_id, replaces=replaces)

    async def _announce_departure(self, sid: str, session: SocketSession | None) -> None:
        for chat_id in session.chat_ids if session else ():
            await self._send_presence(chat_id)

    def _handle_remote_change(self, chat_ids: set[str]) -> None:
        """Show the pages of this process who else has a chat open, as sockets of other processes have come or gone."""
        for chat_id in chat_ids:
            if self._server.get_room_members(f"chat:{chat_id}"):
                self._tasks.run_in_background(self._send_presence(chat_id))

    async def _send_presence(self, chat_id: str) -> None:
        """Show the pages of this process who has a chat open; other processes show it to theirs."""
        data = {
            "chat_id": chat_id,
            "shared": True,
            "data": {"type": "chat:presence", "data": {"users": self._sessions.list_chat_users(chat_id)}},
        }
        await self._server.emit_here("events", data, room=f"chat:{chat_id}")

    async def _handle_chat_event(self, sid: str, data: Any = None) -> bool | None:
        session = await self._server.require_session(sid)
        if session is None or not isinstance(data, dict):
            return None
        event, chat_id = data.get("data"), data.get("chat_id")
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(chat_id, str) or not is_stored(chat_id):
            return False if kind in ("typing", "join", "leave") else None
        if kind == "join":
            return await self._join_chat(sid, session, chat_id)
        if kind == "leave":
            await self._leave_chat(sid, chat_id)
            return True
        if kind == "typing":
            return await self._send_typing(sid, session.user, chat_id, event)
        if kind == "last_read_at":
            await self._mark_read(session.user, chat_id)
        return None

    async def _join_chat(self, sid: str, session: SocketSession, chat_id: str) -> bool:
        if not await self._access.is_allowed(chat_id, session.user):
            return False
        await self._server.io.enter_room(sid, f"chat:{chat_id}")
        self._sessions.open_chat(sid, chat_id)
        await self._send_presence(chat_id)
        return True

    async def _leave_chat(self, sid: str, chat_id: str) -> None:
        self._sessions.close_chat(sid, chat_id)
        await self._server.io.leave_room(sid, f"chat:{chat_id}")
        await self._send_presence(chat_id)

    async def _recheck_after_grants(self, event: GrantsChanged) -> None:
        if event.resource_type in ("chat", "shared_chat"):
            await self._recheck_chats([event.resource_id])
        elif event.resource_type == "folder":
            # A grant on a folder also opens the chats in its subfolders. For their owners nothing changes.
            await self._recheck_chats(self._sessions.list_open_chat_ids(), include_owners=False)

    async def _recheck_chats(self, chat_ids: list[str], *, include_owners: bool = True) -> None:
        """Tell pages to reload their access to these chats, and remove sockets whose users may no longer read them."""
        rooms = {chat_id: sids for chat_id in chat_ids if (sids := self._server.get_room_members(f"chat:{chat_id}"))}
        owners = await self._access.load_owner_ids(list(rooms)) if rooms else {}
        for chat_id, sids in rooms.items():
            for sid in list(sids):
                session = self._sessions.get(sid)
                is_owner = session is not None and owners.get(chat_id) == session.user.id
                if is_owner and not include_owners:
                    continue
                if session is None or not (is_owner or await self._access.is_allowed(chat_id, session.user)):
                    await self._leave_chat(sid, chat_id)
                message = {"chat_id": chat_id, "shared": True, "data": {"type": "chat:access", "data": {}}}
                await self._server.io.emit("events", message, to=sid)

    async def _send_typing(self, sid: str, user: User, chat_id: str, event: Any) -> bool:
        content = event.get("data")
        typing = content.get("typing") if isinstance(content, dict) else None
        if not isinstance(typing, bool) or sid not in (self._server.get_room_members(f"chat:{chat_id}") or ()):
            return False
        if not await self._access.is_allowed(chat_id, user, "write"):
            return False
        data = {
            "chat_id": chat_id,
            "user_id": user.id,
            "user": {"id": user.id, "name": user.name},
            "shared": True,
            "data": {"type": "typing", "data": {"typing": typing}},
        }
        await self._server.emit("events", data, room=f"chat:{chat_id}", skip=sid)
        return True

    async def _mark_read(self, user: User, chat_id: str) -> None:
        read = await read_state_store.mark_chat_read(self._db, chat_id, user.id)
        if read is None:
            return
        content: dict[str, Any] = {"chat_id": chat_id, "last_read_at": read.at}
        if read.was_unread:
            content["folder_unread_counts"] = await read_state_store.count_unread_by_folder(self._db, user.id)
        message = {"chat_id": chat_id, "data": {"type": "chat:list", "data": content}}
        await self._server.emit_to_user(user.id, message)
        await cancel_timers(self._db, chat_id, user.id, READ)
