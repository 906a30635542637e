"""The message of a chat that an answer is stored in, while it grows and when it ends."""

from __future__ import annotations

from typing import Any

from fastback.completions.answer_builder import Output, output_text
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import turn_store
from fastback.kit.bus import Bus
from fastback.kit.db import Database


class StoredAnswer:
    """Store one answer. For a chat that is not stored (a temporary one) every method does nothing.

    While the answer grows only its row in `chat_message` is written; the chat's document follows with `save`. So a
    killed process loses what came since the last `save_progress` at most.
    """

    def __init__(self, *, db: Database, bus: Bus, chat_id: str, message_id: str, user_id: str) -> None:
        self._db = db
        self._bus = bus
        self._chat_id = chat_id
        self._message_id = message_id
        self._user_id = user_id
        self.is_stored = is_stored(chat_id)
        #: Statuses that are in the row and not in the chat's document yet.
        self._pending_statuses: list[dict[str, Any]] = []

    async def add_status(self, status: dict[str, Any]) -> None:
        """Add a line to those above the answer."""
        if self.is_stored:
            self._pending_statuses.append(status)
            await turn_store.add_status(self._db, self._chat_id, self._message_id, status)

    async def save_progress(self, output: Output) -> None:
        """Write the answer so far to its row."""
        if self.is_stored:
            text = output_text(output)
            await turn_store.save_progress(self._db, self._chat_id, self._message_id, text, output)

    async def save(self, patch: dict[str, Any]) -> None:
        """Change the message in the row and in the document, pending statuses included."""
        if self.is_stored:
            statuses, self._pending_statuses = self._pending_statuses, []
            await turn_store.save_message(self._db, self._chat_id, self._message_id, patch, statuses=statuses)

    async def save_selected_model(self, model_id: str) -> None:
        """Store which model an arena chose. The chat does not count as changed."""
        if self.is_stored:
            patch = {"selectedModelId": model_id}
            await turn_store.save_message(self._db, self._chat_id, self._message_id, patch, touch=False)

    async def announce_change(self) -> None:
        """Publish that the chat was written, for the search index and other listeners."""
        if self.is_stored:
            await self._bus.publish(ChatWritten(self._chat_id, self._user_id))

    async def load_title(self) -> str:
        """Return the chat's title; empty for a chat that is not stored."""
        return await turn_store.get_title(self._db, self._chat_id) if self.is_stored else ""


def build_answer_patch(output: Output) -> dict[str, Any]:
    """Return the fields of a stored message that hold an answer."""
    return {"content": output_text(output), "output": output}
