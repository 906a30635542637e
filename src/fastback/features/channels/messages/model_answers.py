"""The answers of models in channels: written while they grow and when they end, and ended where their process died."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.channels.events import MessageWritten, RoomMessage
from fastback.features.channels.messages import answer_store, store
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.stored_data import find_object
from fastback.kit.bus import Bus
from fastback.kit.db import Database

Json = dict[str, Any]


class ModelAnswers:
    """Store answers, and show them in their channels.

    Attributes:
        own_ids: the messages whose answers this process writes.
    """

    def __init__(self, *, db: Database, reader: MessageReader, bus: Bus) -> None:
        self._db = db
        self._reader = reader
        self._bus = bus
        self.own_ids: set[str] = set()

    async def begin(self, channel_id: str, message_id: str) -> None:
        """Note that this process writes an answer to a message that is there."""
        self.own_ids.add(message_id)
        await answer_store.insert_answer(self._db, message_id, channel_id)

    async def write(self, channel_id: str, message_id: str, content: str, data: Json | None, *, is_done: bool) -> bool:
        """Store what there is of an answer, and show it in the channel; return whether it is still this process's.

        It is not where the message was deleted, or another process has ended the answer. A page that has not read an
        earlier state of the answer gets this one alone.
        """
        meta = {"done": True} if is_done else None
        async with self._db.transaction() as tx:
            is_own = await store.change_message(tx, message_id, content, data, meta, is_unfinished=True)
            if is_done or not is_own:
                await answer_store.delete_answer(tx, message_id)
        return is_own and await self._show(channel_id, message_id, is_done=is_done)

    async def replace_text(self, channel_id: str, message_id: str, content: str) -> None:
        """Replace the text of an answer that has ended."""
        async with self._db.transaction() as tx:
            await store.change_message(tx, message_id, content, None)
        await self._show(channel_id, message_id, is_done=True)

    async def add_files(self, channel_id: str, message_id: str, files: list[Json], file_ids: list[str]) -> None:
        """Put files in front of the files of an answer; the channel has links to `file_ids`."""
        row = await store.find_message(self._db, message_id)
        if row is None or row.channel_id != channel_id or not files:
            return
        await store.link_files(self._db, channel_id, message_id, file_ids)
        stored = find_object(row.data) or {}
        existing = msgspec.json.decode(stored.get("files", msgspec.Raw(b"[]")))
        data = {"files": [*files, *(existing if isinstance(existing, list) else [])]}
        async with self._db.transaction() as tx:
            await store.change_message(tx, message_id, row.content or "", data)
        await self._show(channel_id, message_id, is_done=False)

    async def find_output(self, message_id: str) -> tuple[str, list[Any]] | None:
        """Return the text and the items that are stored of an answer; None where the message was deleted."""
        row = await store.find_message(self._db, message_id)
        if row is None:
            return None
        output = msgspec.json.decode((find_object(row.data) or {}).get("output", msgspec.Raw(b"[]")))
        return row.content or "", output if isinstance(output, list) else []

    async def forget(self, message_id: str) -> None:
        """Drop what is noted of an answer whose message was deleted."""
        await answer_store.delete_answer(self._db, message_id)

    async def _show(self, channel_id: str, message_id: str, *, is_done: bool) -> bool:
        """Show a message in its channel; return whether it exists."""
        message = await self._reader.find_message(message_id)
        if message is None or message.channel_id != channel_id:
            return False
        await self._bus.publish(
            RoomMessage(
                channel_id,
                {
                    "channel_id": channel_id,
                    "message_id": message_id,
                    "data": {"type": "message:update", "data": msgspec.structs.asdict(message)},
                },
                replaces=f"channel-message {message_id}",
            )
        )
        if is_done:
            await self._bus.publish(MessageWritten("updated", message))
        return True
