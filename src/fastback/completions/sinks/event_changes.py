"""What events of plugins have changed in a message while its answer runs."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

from fastback.features.chats.document import Message
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.socket_messages import build_patch, changes_message
from fastback.kit.db import Database

log = logging.getLogger("fastback.completions")

SocketMessage = dict[str, Any]

#: Events of one type, and characters of text, that one answer stores; what is beyond is only shown.
MAX_STORED_EVENTS = 5000
MAX_STORED_CHARACTERS = 8 * 1024 * 1024
#: Events that change the text.
_TEXT_EVENTS = ("message", "replace")


class EventChanges:
    """Apply events to the fields of a message.

    The text that `message` and `replace` make is shown until the answer has text of its own, and stays where it gets
    none. It gathers in fragments, so that the cost of an event does not depend on the length of the text.
    """

    def __init__(self, db: Database, chat_id: str, message_id: str) -> None:
        self._db = db
        self._chat_id = chat_id
        self._message_id = message_id
        self._counts: Counter[str] = Counter()
        #: The message as it was stored before the answer; None until it is needed.
        self._stored: Message | None = None
        self._loading = asyncio.Lock()
        self._fragments: list[str] | None = None

    def admit(self, event: SocketMessage) -> bool:
        """Count an event, and return whether it changes the message."""
        if not changes_message(event):
            return False
        kind, data = str(event.get("type")), event.get("data")
        content = data.get("content") if kind in _TEXT_EVENTS and isinstance(data, dict) else None
        limit = MAX_STORED_CHARACTERS if kind in _TEXT_EVENTS else MAX_STORED_EVENTS
        before = self._counts[kind]
        self._counts[kind] += len(content) if isinstance(content, str) else 1
        if before <= limit < self._counts[kind]:
            log.warning("message %s: further events of the type %s are shown, and not stored", self._message_id, kind)
        return self._counts[kind] <= limit

    async def load_stored(self) -> None:
        """Read the message that events change, once."""
        if self._stored is not None:
            return
        async with self._loading:
            if self._stored is None:
                self._stored = await turn_store.find_message(self._db, self._chat_id, self._message_id) or {}

    def get_stored_field(self, name: str) -> Any:
        """Return a field of the message as it was stored before the answer."""
        return (self._stored or {}).get(name)

    @property
    def text(self) -> str | None:
        """The text that events have made; None where they have made none."""
        if self._fragments is None:
            return None
        if len(self._fragments) > 1:
            self._fragments = ["".join(self._fragments)]
        return self._fragments[0] if self._fragments else ""

    def apply(self, event: SocketMessage, fields: Message) -> Message:
        """Apply an event; return the fields that it changes, without the text. `fields` are those of this turn.

        Raises:
            TypeError: the data of the event are invalid for its type.
        """
        stored = self._stored or {}
        kind = event.get("type")
        if kind not in _TEXT_EVENTS:
            return build_patch({**stored, **fields}, event) or {}
        patch = build_patch({"content": ""}, event) or {}
        text = patch.get("content")
        if not isinstance(text, str):
            raise TypeError("a text is expected")
        if kind == "replace":
            self._fragments = [text]
            return {}
        if self._fragments is None:
            content = stored.get("content")
            self._fragments = [content if isinstance(content, str) else ""]
        self._fragments.append(text)
        return {}
