"""The relay of private chats: the events `encryption:…` by which pages begin, join and leave one, and send packets."""

from __future__ import annotations

import logging
import time
from typing import Any

from fastback.features.channels.events import ChannelAccessChanged
from fastback.features.channels.members.store import Account
from fastback.kit.bus import Bus
from fastback.kit.tasks import Tasks
from fastback.realtime.private_chats.eligibility import PrivateChatRules
from fastback.realtime.private_chats.packets import Refused, measure, read_channel_id, require
from fastback.realtime.private_chats.private_chat import PrivateChat
from fastback.realtime.private_chats.sessions import PrivateSessions
from fastback.realtime.server import SocketServer
from fastback.realtime.sessions import SocketSession
from fastback.settings import Settings

log = logging.getLogger("fastback.realtime")

Json = dict[str, Any]

ACTIONS = ("start", "status", "join", "bind", "packet", "leave", "ping")
#: Seconds between two looks for pages that have fallen silent.
SWEEP_SECONDS = 30.0

_UNAVAILABLE = {"ok": False, "error": "Private chat is unavailable or the session changed."}
_ENDED = {"ok": False, "error": "Private chat ended."}


class PrivateChatRelay:
    """Pass packets between the pages of a private chat, and end it when anything about its channel changes."""

    def __init__(
        self,
        *,
        server: SocketServer,
        sessions: PrivateSessions,
        rules: PrivateChatRules,
        settings: Settings,
        tasks: Tasks,
        bus: Bus,
    ) -> None:
        self._server = server
        self._sessions = sessions
        self._rules = rules
        self._needs_tls = settings.env == "prod"
        # Logs of sockets show packets.
        self._is_logged = settings.websocket_server_logging or bool(settings.websocket_server_engineio_logging)
        #: The channels of the sockets of this process that take part in a private chat.
        self._channels: dict[str, str] = {}
        for action in ACTIONS:
            server.io.on(f"encryption:{action}", self._make_handler(action))
        server.disconnect_listeners.append(self._handle_disconnect)
        bus.subscribe(ChannelAccessChanged, lambda event: self.end_chat(event.channel_id))
        tasks.run_every(SWEEP_SECONDS, self.sweep)

    def _make_handler(self, action: str) -> Any:
        async def handle(sid: str, data: Any = None) -> Json:
            return await self._handle(action, sid, data)

        return handle

    # -- receiving -------------------------------------------------------------------------------------------------

    async def _handle(self, action: str, sid: str, data: Any) -> Json:
        """Return the reply to a message of a page. A fault ends the private chat: nothing goes on unprotected."""
        channel_id = None
        try:
            channel_id = read_channel_id(data)
            user_id = await self._require_page(sid)
            await self._rules.require_member(channel_id, user_id)
            await self._rules.require_rate(user_id, begins=action in ("start", "join"), size=measure(data))
            async with self._sessions.change(channel_id) as change:
                chat = PrivateChat(self._server, change, self._channels)
                account = await self._require_eligible(chat, channel_id, user_id)
                return await self._run(action, sid, account, data, chat)
        except Refused:
            return _UNAVAILABLE
        except Exception as error:
            # The message of an error may hold a packet.
            log.error("a private chat failed: %s", type(error).__name__)
            if channel_id is not None:
                await self._end_local(channel_id)
            return _ENDED

    async def _require_page(self, sid: str) -> str:
        """Return the id of the user of a page that may take part: over a WebSocket, and encrypted in production.

        Raises:
            Refused: it may not.
        """
        require(not self._is_logged and self._server.io.transport(sid) == "websocket")
        scheme = (self._server.io.get_environ(sid) or {}).get("wsgi.url_scheme")
        require(not self._needs_tls or scheme in ("https", "wss"))
        session = await self._server.require_session(sid)
        if session is None:
            raise Refused
        return session.user.id

    async def _require_eligible(self, chat: PrivateChat, channel_id: str, user_id: str) -> Account:
        """Remove participants who may no longer take part; return the account of the user, who may.

        Raises:
            Refused: the user may not.
        """
        participants = chat.session.participants.values() if chat.session is not None else ()
        eligible = await self._rules.find_eligible([user_id, *(other.user_id for other in participants)])
        await chat.prune(await self._rules.list_active_members(channel_id), eligible)
        require(user_id in eligible)
        await self._rules.require_member(channel_id, user_id)
        return eligible[user_id]

    async def _run(self, action: str, sid: str, account: Account, data: Json, chat: PrivateChat) -> Json:
        session, channel_id = chat.session, str(data["channel"])
        if action == "status":
            is_open = session is not None and session.is_open
            return {"ok": True, "available": is_open, "session": session.id if session else None}
        if action == "start":
            return await chat.start(sid, account, channel_id)
        if action == "join":
            return await chat.join(sid, account, data)
        if session is None or data.get("session") != session.id or self._channels.get(sid) != channel_id:
            raise Refused
        participant_id = data.get("participation")
        require(isinstance(participant_id, str))
        participant = session.participants.get(str(participant_id))
        if participant is None or participant.sid != sid or participant.user_id != account.id:
            raise Refused
        participant.seen = time.time()
        if action == "leave":
            await chat.remove([str(participant_id)])
            return {"ok": True}
        if action == "bind":
            await chat.bind(session, str(participant_id), data)
        elif action == "packet":
            await chat.forward(session, str(participant_id), data)
        else:
            await chat.keep_alive(session)
        return {"ok": True, **session.describe()}

    # -- the end -----------------------------------------------------------------------------------------------------

    async def end_chat(self, channel_id: str) -> None:
        """End the private chat of a channel, if there is one."""
        try:
            async with self._sessions.change(channel_id) as change:
                if change.session is not None:
                    await PrivateChat(self._server, change, self._channels).close()
        except Exception as error:
            log.error("ending a private chat failed: %s", type(error).__name__)
            await self._end_local(channel_id)

    async def _end_local(self, channel_id: str) -> None:
        """Have the pages of this process leave the private chat of a channel, whatever the other processes know."""
        for sid, other_id in list(self._channels.items()):
            if other_id == channel_id:
                del self._channels[sid]
                message = {"kind": "ended", "channel": channel_id}
                await self._server.io.emit("encryption:event", message, to=sid, ignore_queue=True)

    async def _handle_disconnect(self, sid: str, session: SocketSession | None) -> None:
        channel_id = self._channels.pop(sid, None)
        if channel_id is None:
            return
        try:
            async with self._sessions.change(channel_id) as change:
                participant_id = change.session.find_by_socket(sid) if change.session is not None else None
                if participant_id is not None:
                    await PrivateChat(self._server, change, self._channels).remove([participant_id])
        except Exception as error:
            log.error("leaving a private chat failed: %s", type(error).__name__)
            await self._end_local(channel_id)

    async def sweep(self) -> None:
        """Remove participants of this process's private chats who may no longer take part."""
        for channel_id in set(self._channels.values()):
            try:
                async with self._sessions.change(channel_id) as change:
                    if change.session is None:
                        await self._end_local(channel_id)
                        continue
                    user_ids = [participant.user_id for participant in change.session.participants.values()]
                    chat = PrivateChat(self._server, change, self._channels)
                    members = await self._rules.list_active_members(channel_id)
                    await chat.prune(members, await self._rules.find_eligible(user_ids))
            except Exception as error:
                log.error("checking a private chat failed: %s", type(error).__name__)
                await self._end_local(channel_id)
