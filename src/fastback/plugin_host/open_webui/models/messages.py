"""Messages of channels."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class MessageForm(Record):
    temp_id: str | None = None
    content: str
    reply_to_id: str | None = None
    parent_id: str | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class MessageModel(Record):
    id: str
    user_id: str | None = None
    app_id: str | None = None
    channel_id: str | None = None
    reply_to_id: str | None = None
    parent_id: str | None = None
    is_pinned: bool = False
    pinned_by: str | None = None
    pinned_at: int | None = None
    content: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    created_at: int
    updated_at: int


class MessageReactionModel(Record):
    id: str
    user_id: str
    message_id: str
    name: str
    created_at: int


class MessageTable(RecordTable):
    table = "message"
    model = MessageModel

    @awaited_or_not
    async def get_message_by_id(self, id: str, include_thread_replies: bool = True, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_messages_by_channel_id(self, channel_id: str, skip: int = 0, limit: int = 50, db: Any = None) -> Any:
        """Return messages that are no replies in threads, the newest first."""
        order = "-created_at"
        return await self._list(order=order, skip=skip, limit=limit, channel_id=channel_id, parent_id=None)

    @awaited_or_not
    async def get_messages_by_parent_id(
        self, channel_id: str, parent_id: str, skip: int = 0, limit: int = 50, db: Any = None, **more: Any
    ) -> Any:
        order = "-created_at"
        return await self._list(order=order, skip=skip, limit=limit, channel_id=channel_id, parent_id=parent_id)

    @awaited_or_not
    async def get_thread_replies_by_message_id(self, id: str, db: Any = None) -> Any:
        return await self._list(order="-created_at", parent_id=id)

    @awaited_or_not
    async def get_last_message_by_channel_id(self, channel_id: str, db: Any = None) -> Any:
        messages = await self._list(order="-created_at", limit=1, channel_id=channel_id)
        return messages[0] if messages else None

    @awaited_or_not
    async def insert_new_message(self, form_data: Any, channel_id: str, user_id: str, db: Any = None) -> Any:
        """Post a message; people in the channel see it at once."""
        path = f"/api/v1/channels/{channel_id}/messages/post"
        created = await self._run(user_id, "POST", path, content=dump_form(form_data))
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def update_message_by_id(self, id: str, form_data: Any, db: Any = None) -> Any:
        message = await self._find(id=id)
        if message is None:
            return None
        path = f"/api/v1/channels/{message.channel_id}/messages/{id}/update"
        await self._run(message.user_id, "POST", path, content=dump_form(form_data))
        return await self._find(id=id)

    @awaited_or_not
    async def add_reaction_to_message(self, id: str, user_id: str, name: str, db: Any = None) -> Any:
        message = await self._find(id=id)
        if message is None:
            return None
        path = f"/api/v1/channels/{message.channel_id}/messages/{id}/reactions/add"
        await self._run(user_id, "POST", path, content={"name": name})
        rows = await self._list_rows("message_reaction", {"message_id": id, "user_id": user_id, "name": name})
        return MessageReactionModel.model_validate(rows[0]) if rows else None

    @awaited_or_not
    async def delete_message_by_id(self, id: str, db: Any = None) -> Any:
        message = await self._find(id=id)
        if message is None:
            return False
        path = f"/api/v1/channels/{message.channel_id}/messages/{id}/delete"
        return bool(await self._run(message.user_id, "DELETE", path))


Messages = MessageTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Message": "message", "MessageReaction": "message_reaction"})
