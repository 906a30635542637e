"""Messages of chats, by their columns."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.message_records.usage import MessageUsage, build_bounds
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.sql_records import find_record_class

#: The field of a message in a chat's document, where its column has another name.
_FIELD_NAMES = {
    "parent_id": "parentId",
    "model_id": "model",
    "status_history": "statusHistory",
    "context_summary": "contextSummary",
    "created_at": "timestamp",
}
_HIDDEN = ("chat_id", "updated_at")


class ChatMessageModel(Record):
    id: str
    chat_id: str
    user_id: str
    role: str
    parent_id: str | None = None
    content: Any | None = None
    output: list[Any] | None = None
    model_id: str | None = None
    files: list[Any] | None = None
    sources: list[Any] | None = None
    embeds: list[Any] | None = None
    meta: dict[str, Any] | None = None
    done: bool = True
    status_history: list[Any] | None = None
    error: dict[str, Any] | str | None = None
    usage: dict[str, Any] | None = None
    context_summary: str | None = None
    created_at: int
    updated_at: int


class ChatMessageTable(MessageUsage):
    table = "chat_message"
    model = ChatMessageModel

    @awaited_or_not
    async def get_message_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_messages_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        return await self._list(order="created_at", chat_id=chat_id)

    @awaited_or_not
    async def get_messages_by_user_id(self, user_id: str, skip: int = 0, limit: int = 50, db: Any = None) -> Any:
        return await self._list(order="-created_at", skip=skip, limit=limit, user_id=user_id)

    @awaited_or_not
    async def get_messages_by_model_id(
        self,
        model_id: str,
        start_date: int | None = None,
        end_date: int | None = None,
        skip: int = 0,
        limit: int = 100,
        db: Any = None,
    ) -> Any:
        where = {"model_id": model_id, **build_bounds(start_date, end_date)}
        return await self._list(order="-created_at", skip=skip, limit=limit, **where)

    @awaited_or_not
    async def has_unfinished_assistant_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        """Return whether an answer is being written in a chat."""
        return await self._count(chat_id=chat_id, role="assistant", done=False) > 0

    @awaited_or_not
    async def get_messages_map_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        """Return the messages of a chat by their ids, as its document has them; None without any."""
        rows = await self._list_rows("chat_message", {"chat_id": chat_id})
        return build_messages_map(chat_id, rows) or None

    @awaited_or_not
    async def upsert_message(
        self, message_id: str, chat_id: str, user_id: str, data: dict[str, Any], db: Any = None
    ) -> Any:
        await self._call("chats.save_message", chat_id=chat_id, message_id=message_id, message=data)
        return await self._find(id=f"{chat_id}-{message_id}")


def build_messages_map(chat_id: str, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return messages in the form of a chat's document, by their ids, from rows."""
    messages: dict[str, dict[str, Any]] = {}
    for row in rows:
        message_id = row["id"].removeprefix(f"{chat_id}-")
        fields = {_FIELD_NAMES.get(name, name): value for name, value in row.items() if name not in _HIDDEN}
        messages[message_id] = {"content": "", **fields, "id": message_id, "childrenIds": []}
    for message_id, message in messages.items():
        parent = messages.get(message.get("parentId") or "")
        if parent is not None:
            parent["childrenIds"].append(message_id)
    return messages


ChatMessages = ChatMessageTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"ChatMessage": "chat_message"})
