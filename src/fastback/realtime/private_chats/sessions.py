"""The session of a private chat: its host and members, shared by all processes, dropped when no page keeps it alive."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from fastback.kit.cluster import Cluster, Lease

_TABLE = "private-chats"
#: Seconds that a session lives after its last change.
SESSION_SECONDS = 90.0
#: Seconds that one change of a session may take, that another waits for it, and between two looks.
_LEASE_SECONDS, _PATIENCE, _LOOK_SECONDS = 10.0, 2.0, 0.02


class Participant(msgspec.Struct):
    """A page that takes part.

    Attributes:
        key: its public key, Base64; None until it is known.
        seen: when the page was last heard of (Unix time).
        sent: the number of events that were sent to it: a page that misses a number has lost one.
        is_admitted: whether the host let it in.
    """

    sid: str
    user_id: str
    name: str
    seen: float
    key: str | None = None
    sent: int = 0
    is_admitted: bool = False


class Session(msgspec.Struct):
    """A private chat that is under way; `host` is the id of the participant who began it."""

    channel_id: str
    id: str
    host: str
    participants: dict[str, Participant]

    @property
    def is_open(self) -> bool:
        """Whether the host is ready for others to join."""
        return self.participants[self.host].key is not None

    def find_by_socket(self, sid: str) -> str | None:
        """Return the id of the participant with a socket, or None."""
        ids = (participant_id for participant_id, other in self.participants.items() if other.sid == sid)
        return next(ids, None)

    def list_admitted(self, besides: str | None = None) -> list[str]:
        """List the participants who were let in, `besides` one."""
        return [
            participant_id
            for participant_id, participant in self.participants.items()
            if participant.is_admitted and participant_id != besides
        ]

    def describe(self) -> dict[str, Any]:
        """Return what pages know of the session."""
        return {
            "channel": self.channel_id,
            "session": self.id,
            "host": self.host,
            "bindings": [
                {
                    "identity": {
                        "channel": self.channel_id,
                        "session": self.id,
                        "user": participant.user_id,
                        "participation": participant_id,
                    },
                    "key": participant.key,
                }
                for participant_id, participant in self.participants.items()
                if participant.key
            ],
            "participants": [
                {"participation": participant_id, "user": participant.user_id, "name": participant.name}
                for participant_id, participant in self.participants.items()
            ],
        }


class SessionChange:
    """The right to change the session of one channel."""

    def __init__(self, cluster: Cluster, lease: Lease, channel_id: str, session: Session | None) -> None:
        self._cluster = cluster
        self._lease = lease
        self._channel_id = channel_id
        #: The session as it was when the change began; the caller changes it, and saves it.
        self.session = session

    async def save(self, session: Session | None) -> None:
        """Store the session; None ends it.

        Raises:
            TimeoutError: the change took too long, and another process may have changed the session.
        """
        if not await self._lease.renew():
            raise TimeoutError("the lease of a private chat has expired")
        self.session = session
        if session is None:
            await self._cluster.delete_entry(_TABLE, self._channel_id)
            return
        content = msgspec.json.encode(session)
        await self._cluster.put_entry(_TABLE, self._channel_id, content, expires_in=SESSION_SECONDS)


class PrivateSessions:
    """The sessions of private chats by channel; one change of a session at a time, in all processes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._decoder = msgspec.json.Decoder(Session)
        #: Changes of this process wait here, and not by looking again and again.
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @asynccontextmanager
    async def change(self, channel_id: str) -> AsyncIterator[SessionChange]:
        """Give the right to change the session of a channel.

        Raises:
            TimeoutError: another process keeps it for too long.
        """
        lock = self._locks.get(channel_id)
        if lock is None:
            lock = self._locks[channel_id] = asyncio.Lock()
        async with lock:
            lease = await self._acquire_lease(channel_id)
            try:
                content = await self._cluster.get_entry(_TABLE, channel_id)
                session = None if content is None else self._decoder.decode(content)
                yield SessionChange(self._cluster, lease, channel_id, session)
            finally:
                await lease.release()

    async def _acquire_lease(self, channel_id: str) -> Lease:
        async with asyncio.timeout(_PATIENCE):
            while True:
                lease = await self._cluster.acquire_lease(f"private-chat:{channel_id}", seconds=_LEASE_SECONDS)
                if lease is not None:
                    return lease
                await asyncio.sleep(_LOOK_SECONDS)
