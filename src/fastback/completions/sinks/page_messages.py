"""Socket messages of a turn: to the user's own sessions, and to others who have the chat open."""

from __future__ import annotations

from typing import Any

from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.turn_events import SHARED, ChatWatchers, TurnEvent
from fastback.kit.bus import Bus

SocketMessage = dict[str, Any]


class PageMessages:
    """Send the socket messages of one answer."""

    def __init__(
        self,
        *,
        bus: Bus,
        watchers: ChatWatchers,
        user_id: str,
        chat_id: str,
        message_id: str,
        session_id: str | None,
    ) -> None:
        self._bus = bus
        self._watchers = watchers
        self._user_id = user_id
        self._chat_id = chat_id
        self._message_id = message_id
        self._session_id = session_id
        self.is_stored = is_stored(chat_id)

    @property
    def has_other_viewers(self) -> bool:
        """Whether anybody but the asking session has the stored chat open."""
        return self.is_stored and self._watchers.has_others(self._chat_id, self._session_id)

    async def emit(self, kind: str, data: Any = None) -> None:
        """Send `{type, data}` to the user's sessions; to other viewers too where the kind concerns them."""
        message: SocketMessage = {"type": kind} if data is None else {"type": kind, "data": data}
        await self.send(message, is_shared=self.is_stored and kind in SHARED)

    async def send(self, message: SocketMessage, *, is_shared: bool = False) -> None:
        """Send a message to the user's sessions, and where it `is_shared` to other viewers."""
        event = TurnEvent(
            self._user_id,
            self._chat_id,
            self._message_id,
            message,
            self._session_id,
            message if is_shared else None,
        )
        await self._bus.publish(event)

    async def send_to_others(self, data: dict[str, Any], *, is_snapshot: bool = False) -> None:
        """Send `data` of the completion to other viewers alone; `is_snapshot` if a later one replaces it."""
        message: SocketMessage = {"type": "chat:completion", "data": data}
        event = TurnEvent(
            self._user_id,
            self._chat_id,
            self._message_id,
            message,
            self._session_id,
            message,
            only_shared=True,
            is_snapshot=is_snapshot,
        )
        await self._bus.publish(event)
