"""Activity events that do not follow from a single operation: ended answers, and sign-outs."""

from __future__ import annotations

from typing import Any

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.access.events import TokenRevoked
from fastback.config import Config
from fastback.config.keys.auth import WEBUI_URL
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.webhooks import store
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks


class InternalEventTranslator:
    """Translate internal bus events (ended turns, revoked tokens) into activity events."""

    def __init__(self, *, bus: Bus, db: Database, config: Config, listeners: ActivityListeners, tasks: Tasks) -> None:
        self._bus = bus
        self._tasks = tasks
        self._listeners = listeners
        self._db = db
        self._config = config

    def subscribe(self) -> None:
        """Listen to the bus."""
        self._bus.subscribe(TurnEvent, self._handle_turn_event)
        self._bus.subscribe(TokenRevoked, self._handle_token_revoked)

    async def _handle_token_revoked(self, event: TokenRevoked) -> None:
        if self._listeners.has_listener("auth.logout"):
            actor = await store.find_actor(self._db, event.user_id)
            subject_id, subject_type = (actor.id, "user") if actor is not None else (None, None)
            source, data = "api", {}
            if event.provider is not None:
                source, data = "oauth", {"auth_method": "oauth", "provider": event.provider}
            await self._bus.publish(ActivityEvent("auth.logout", actor, subject_id, subject_type, data, source=source))

    def _handle_turn_event(self, event: TurnEvent) -> None:
        """Publish the end or failure of an answer. Most events of a turn are chunks, so these are skipped first.

        It runs in the background, because the page must hear of the end while the database does not respond, too.
        """
        kind = event.data.get("type")
        if event.only_shared or not event.is_of_turn or kind not in ("chat:completion", "chat:message:error"):
            return
        data = event.data.get("data")
        if not isinstance(data, dict):
            return  # a chunk of the provider, relayed unparsed
        if kind == "chat:message:error":
            self._publish_soon(event, "chat.failed", "Chat failed", _get_error_text(data.get("error")))
        elif data.get("done") and event.message_id is not None:
            title = str(data.get("title") or "")
            self._publish_soon(event, "chat.finished", title or "Chat finished", _get_output_text(data), title)

    def _publish_soon(self, event: TurnEvent, name: str, text: str, message: str, title: str | None = None) -> None:
        if self._listeners.has_listener(name):
            publication = self._publish_turn_end(event, name, text, message, title)
            self._tasks.run_in_background(publication, may_finish=True)

    async def _publish_turn_end(self, event: TurnEvent, name: str, text: str, message: str, title: str | None) -> None:
        answer = await store.find_answer_model(self._db, event.chat_id, event.message_id)
        if answer is None:
            return  # a temporary chat
        actor = await store.find_actor(self._db, event.user_id)
        site = self._config.get_text(WEBUI_URL).rstrip("/")
        data = {
            "user_id": event.user_id,
            "chat_id": event.chat_id,
            "message_id": event.message_id,
            "model_id": answer.model_id,
            **({"title": title} if title is not None else {}),
            "url": f"{site}/c/{event.chat_id}",
            "message": message,
        }
        await self._bus.publish(ActivityEvent(name, actor, event.chat_id, "chat", data, text))


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
