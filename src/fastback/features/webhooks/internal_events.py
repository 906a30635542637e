"""Events of the bus that people outside know under other names."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.access.events import TokenRevoked
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.auth import WEBUI_URL
from fastback.features.chats.turn_events import TurnEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database

_ANSWER = "SELECT model_id FROM chat_message WHERE id = :id"
_USER = """SELECT id, email, name, role FROM "user" WHERE id = :id"""


class _Answer(msgspec.Struct):
    model_id: str | None


class InternalEventTranslator:
    """Listens to what the house tells itself, and tells it on as `ActivityEvent`."""

    def __init__(self, *, bus: Bus, db: Database, config: Config, audience: ActivityListeners) -> None:
        self._bus = bus
        self._audience = audience
        self._db = db
        self._config = config

    def subscribe(self) -> None:
        self._bus.subscribe(TurnEvent, self._handle_turn_event)
        self._bus.subscribe(TokenRevoked, self._handle_token_revoked)

    async def _handle_token_revoked(self, event: TokenRevoked) -> None:
        if self._audience.has_listener("auth.logout"):
            actor = await self._db.fetch_first(User, "events.actor", _USER, id=event.user_id)
            subject, kind = (actor.id, "user") if actor is not None else (None, None)
            await self._bus.publish(ActivityEvent("auth.logout", actor, subject, kind))

    async def _handle_turn_event(self, event: TurnEvent) -> None:
        """An answer has ended, well or badly. Most events of a turn are pieces of it, so they are sorted out first."""
        kind = event.data.get("type")
        if event.only_shared or kind not in ("chat:completion", "chat:message:error"):
            return
        data = event.data.get("data")
        if not isinstance(data, dict):
            return  # a chunk of the provider's, passed on as it came
        if kind == "chat:message:error":
            await self._publish_turn_end(event, "chat.failed", "Chat failed", _get_error_text(data.get("error")))
        elif data.get("done") and event.message_id is not None:
            title = str(data.get("title") or "")
            await self._publish_turn_end(
                event, "chat.finished", title or "Chat finished", _get_output_text(data), title
            )

    async def _publish_turn_end(
        self, event: TurnEvent, name: str, words: str, message: str, title: str | None = None
    ) -> None:
        if not self._audience.has_listener(name):
            return
        row = await self._db.fetch_first(_Answer, "events.answer", _ANSWER, id=f"{event.chat_id}-{event.message_id}")
        if row is None:
            return  # of a temporary chat nobody is told
        actor = await self._db.fetch_first(User, "events.actor", _USER, id=event.user_id)
        site = self._config.text(WEBUI_URL).rstrip("/")
        data = {
            "user_id": event.user_id,
            "chat_id": event.chat_id,
            "message_id": event.message_id,
            "model_id": row.model_id,
            **({"title": title} if title is not None else {}),
            "url": f"{site}/c/{event.chat_id}",
            "message": message,
        }
        await self._bus.publish(ActivityEvent(name, actor, event.chat_id, "chat", data, words))


def _get_error_text(error: Any) -> str:
    return str(error.get("content") or "") if isinstance(error, dict) else str(error or "")


def _get_output_text(data: dict[str, Any]) -> str:
    parts = [
        str(part.get("text") or "")
        for item in data.get("output") or ()
        if item.get("type") == "message"
        for part in item.get("content") or ()
    ]
    return "\n".join(part for part in parts if part)
