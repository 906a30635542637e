"""A private chat while one message about it is handled: participants come and go, and packets are passed on."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, MutableMapping
from typing import Any

from fastback.features.channels.members.store import Account
from fastback.realtime.channel_rooms import get_channel_room
from fastback.realtime.private_chats.packets import Refused, read_key, read_packet, require
from fastback.realtime.private_chats.sessions import Participant, Session, SessionChange
from fastback.realtime.server import SocketServer

Json = dict[str, Any]

#: Participants of one private chat.
MAX_PARTICIPANTS = 128
#: Seconds after which a page that is not heard of has left.
SILENCE_SECONDS = 45.0


class PrivateChat:
    """Change the session of a channel, and send what its pages need to know.

    `channels` are the channels of the sockets of this process that take part in a private chat; it is kept up to date.
    """

    def __init__(self, server: SocketServer, change: SessionChange, channels: MutableMapping[str, str]) -> None:
        self._server = server
        self._change = change
        self._channels = channels

    @property
    def session(self) -> Session | None:
        """The session as it is now."""
        return self._change.session

    # -- taking part -----------------------------------------------------------------------------------------------

    async def start(self, sid: str, account: Account, channel_id: str) -> Json:
        """Begin a session with a page as its host, and return the reply to it.

        Raises:
            Refused: the channel has a session, or the page takes part in another one.
        """
        self._require_free(sid, channel_id, self._change.session)
        require(self._change.session is None)
        participant_id = str(uuid.uuid4())
        host = Participant(sid, account.id, account.name, time.time(), is_admitted=True)
        session = Session(channel_id, str(uuid.uuid4()), participant_id, {participant_id: host})
        return await self._take_part(sid, participant_id, session)

    async def join(self, sid: str, account: Account, data: Json) -> Json:
        """Add a page to the session that it names, and return the reply to it.

        Raises:
            Refused: there is no such session, it is not ready or full, or the user takes part already.
        """
        session = self._change.session
        self._require_free(sid, str(data["channel"]), session)
        if session is None or data.get("session") != session.id:
            raise Refused
        require(len(session.participants) < MAX_PARTICIPANTS and session.is_open)
        require(all(participant.user_id != account.id for participant in session.participants.values()))
        participant_id = str(uuid.uuid4())
        session.participants[participant_id] = Participant(sid, account.id, account.name, time.time())
        return await self._take_part(sid, participant_id, session)

    def _require_free(self, sid: str, channel_id: str, session: Session | None) -> None:
        """Check that a page takes part in no private chat; what another process has ended does not count.

        Raises:
            Refused: it does.
        """
        if self._channels.get(sid) == channel_id and (session is None or session.find_by_socket(sid) is None):
            del self._channels[sid]
        require(sid not in self._channels)

    async def _take_part(self, sid: str, participant_id: str, session: Session) -> Json:
        self._channels[sid] = session.channel_id
        await self._change.save(session)
        return {"ok": True, **session.describe(), "participation": participant_id}

    async def bind(self, session: Session, participant_id: str, data: Json) -> None:
        """Take the public key of a participant: the host then lets others in, and is asked to let in the others.

        Raises:
            Refused: it has a key, or the key or the packet for the host is invalid.
        """
        participant = session.participants[participant_id]
        require(participant.key is None)
        participant.key = read_key(data.get("key"))
        if participant_id == session.host:
            await self._change.save(session)
            await self._announce(session.channel_id, session)
            return
        event = {"kind": "candidate", "sender": participant_id, "packet": read_packet(data.get("packet"))}
        await self._deliver(session, [session.host], event)

    async def forward(self, session: Session, participant_id: str, data: Json) -> None:
        """Pass a packet on to the other participants, or let one in with a packet of their own.

        Raises:
            Refused: the participant was not let in, is not the host where it needs to be, or a packet is invalid.
        """
        participant = session.participants[participant_id]
        require(participant.key and participant.is_admitted)
        event = {"kind": "mls", "sender": participant_id, "packet": read_packet(data.get("packet"))}
        others = session.list_admitted(besides=participant_id)
        if data.get("kind") != "admit":
            require(data.get("kind") == "mls")
            await self._deliver(session, others, event)
            return
        require(participant_id == session.host and isinstance(data.get("target"), str))
        candidate = session.participants.get(data["target"])
        require(candidate is not None and candidate.key and not candidate.is_admitted)
        welcome = {"kind": "welcome", "sender": participant_id, "packet": read_packet(data.get("welcome"))}
        session.participants[data["target"]].is_admitted = True
        await self._deliver(session, others, event)
        await self._deliver(session, [data["target"]], welcome)

    async def keep_alive(self, session: Session) -> None:
        """Store that a participant was heard of."""
        await self._change.save(session)

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _deliver(self, session: Session, recipients: Iterable[str], event: Json) -> None:
        """Send an event to participants, each with the number that it has for them."""
        sockets = []
        for participant_id in recipients:
            participant = session.participants[participant_id]
            participant.sent += 1
            sockets.append((participant.sid, participant.sent))
        await self._change.save(session)
        for sid, number in sockets:
            message = {**event, **session.describe(), "sequence": number}
            await self._server.emit_to_socket("encryption:event", message, sid)

    async def _announce(self, channel_id: str, session: Session | None) -> None:
        """Show everyone in a channel that a private chat can be joined, or no more."""
        message = {"channel": channel_id, "session": session.id if session is not None else None}
        await self._server.emit("encryption:available", message, room=get_channel_room(channel_id))

    async def _send_end(self, sid: str, session: Session) -> None:
        self._channels.pop(sid, None)
        message = {"kind": "ended", "channel": session.channel_id, "session": session.id}
        await self._server.emit_to_socket("encryption:event", message, sid)

    # -- the end ---------------------------------------------------------------------------------------------------

    async def remove(self, participant_ids: list[str]) -> None:
        """Remove participants, and tell the others; without its host the private chat ends."""
        session = self._change.session
        if session is None:
            return
        if session.host in participant_ids:
            await self.close()
            return
        removed = [(participant_id, session.participants.pop(participant_id)) for participant_id in participant_ids]
        for participant_id, participant in removed:
            await self._send_end(participant.sid, session)
            event = {"kind": "departed", "participation": participant_id, "admitted": participant.is_admitted}
            await self._deliver(session, session.list_admitted(), event)

    async def close(self) -> None:
        session = self._change.session
        await self._change.save(None)
        if session is not None:
            for participant in session.participants.values():
                await self._send_end(participant.sid, session)
            await self._announce(session.channel_id, None)

    async def prune(self, members: set[str], eligible: dict[str, Account]) -> None:
        """Remove participants whose page is silent, or who may no longer take part."""
        session = self._change.session
        if session is None:
            return
        silent_since = time.time() - SILENCE_SECONDS
        left_ids = [
            participant_id
            for participant_id, other in session.participants.items()
            if other.seen < silent_since or other.user_id not in members or other.user_id not in eligible
        ]
        if left_ids:
            await self.remove(left_ids)
