"""Pages that show channels: what happens in a channel is sent to them, and they say who is typing and has read it.

The room `channel:{id}` holds the sockets of the users who are in a channel, whichever page they have open.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.channels import store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.events import (
    ChannelDeleted,
    MembersEntered,
    MembersLeft,
    PersonalMessage,
    RoomMessage,
)
from fastback.features.channels.members import store as member_store
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.realtime.server import SocketServer

EVENT = "events:channel"
#: The cluster's channel that tells every process whose sockets join or leave a room.
_ROOM_CHANGES = "channel-rooms"
#: Characters of the id of a thread that a typing user names.
_MAX_ID = 200


def get_channel_room(channel_id: str) -> str:
    """Return the room of the sockets that receive what happens in a channel."""
    return f"channel:{channel_id}"


class RoomChange(msgspec.Struct):
    """A change of a room in every process: the sockets of these users join or leave it; None closes it."""

    channel_id: str
    joins: bool
    user_ids: list[str] | None


class ChannelRooms:
    """Keep the rooms of channels, and pass socket messages on."""

    def __init__(
        self, *, server: SocketServer, db: Database, access: ChannelAccess, cluster: Cluster, bus: Bus
    ) -> None:
        self._server = server
        self._db = db
        self._access = access
        self._cluster = cluster
        self._decoder = msgspec.json.Decoder(RoomChange)
        server.join_listeners.append(self._join_rooms)
        server.io.on("join-channels", self._handle_join)
        server.io.on(EVENT, self._handle_event)
        cluster.subscribe(_ROOM_CHANGES, self._change_room)
        bus.subscribe(RoomMessage, self._send_to_room)
        bus.subscribe(PersonalMessage, self._send_to_users)
        bus.subscribe(MembersEntered, lambda event: self._publish_change(event.channel_id, event.user_ids, joins=True))
        bus.subscribe(MembersLeft, lambda event: self._publish_change(event.channel_id, event.user_ids, joins=False))
        bus.subscribe(ChannelDeleted, lambda event: self._publish_change(event.channel_id, None, joins=False))

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _send_to_room(self, event: RoomMessage) -> None:
        await self._server.emit(
            EVENT,
            event.data,
            room=get_channel_room(event.channel_id),
            replaces=event.replaces,
        )

    async def _send_to_users(self, event: PersonalMessage) -> None:
        for user_id in event.user_ids:
            await self._server.emit(event.event, event.data, room=f"user:{user_id}")

    # -- rooms -----------------------------------------------------------------------------------------------------

    async def _join_rooms(self, sid: str, user: User) -> None:
        """Let a socket join the rooms of all channels of its user."""
        if not await self._access.may_use(user):
            return
        group_ids = await self._access.list_group_ids(user)
        for channel in await store.list_readable_names(self._db, user.id, group_ids):
            await self._server.io.enter_room(sid, get_channel_room(channel.id))

    async def _handle_join(self, sid: str, data: Any = None) -> None:
        """Let a socket join the rooms of channels that are new; the page sends its token again."""
        user = await self._server.sign_in(sid, data.get("auth") if isinstance(data, dict) else None)
        if user is not None:
            await self._join_rooms(sid, user)

    async def _publish_change(self, channel_id: str, user_ids: tuple[str, ...] | None, *, joins: bool) -> None:
        change = RoomChange(channel_id, joins, None if user_ids is None else list(user_ids))
        await self._cluster.publish(_ROOM_CHANGES, msgspec.json.encode(change))

    async def _change_room(self, message: bytes) -> None:
        """Let the sockets of this process join or leave a room."""
        change = self._decoder.decode(message)
        room = get_channel_room(change.channel_id)
        if change.user_ids is None:
            await self._server.io.close_room(room)
            return
        for user_id in change.user_ids:
            for sid in list(self._server.get_room_members(f"user:{user_id}") or ()):
                if not change.joins:
                    await self._server.io.leave_room(sid, room)
                elif (session := self._server.sessions.get(sid)) and await self._access.may_use(session.user):
                    await self._server.io.enter_room(sid, room)

    # -- receiving -------------------------------------------------------------------------------------------------

    async def _handle_event(self, sid: str, data: Any = None) -> None:
        """Take what a page says of a channel that its socket has joined."""
        channel_id = data.get("channel_id") if isinstance(data, dict) else None
        event = data.get("data") if isinstance(data, dict) else None
        if not isinstance(channel_id, str) or not isinstance(event, dict):
            return
        if sid not in (self._server.get_room_members(get_channel_room(channel_id)) or ()):
            return
        session = await self._server.require_session(sid)
        if session is None:
            return
        if event.get("type") == "typing":
            await self._send_typing(session.user, channel_id, data.get("message_id"), event.get("data"))
        elif event.get("type") == "last_read_at":
            await member_store.mark_read(self._db, channel_id, session.user.id)

    async def _send_typing(self, user: User, channel_id: str, message_id: Any, content: Any) -> None:
        """Show everyone in a channel that a user is typing, or is not any more; `message_id` names a thread."""
        typing = content.get("typing") if isinstance(content, dict) else None
        is_thread = isinstance(message_id, str) and len(message_id) <= _MAX_ID
        if not isinstance(typing, bool) or not (message_id is None or is_thread):
            return
        message = {
            "channel_id": channel_id,
            "message_id": message_id,
            "data": {"type": "typing", "data": {"typing": typing}},
            "user": {"id": user.id, "name": user.name, "role": user.role},
        }
        await self._server.emit(EVENT, message, room=get_channel_room(channel_id))
