"""Methods for the messages of chats, and for their files."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.forms import ChatFileModel
from fastback.plugin_host.chat_records.rows import ChatRows, get_history
from fastback.plugin_host.open_webui.models.chat_messages import ChatMessages
from fastback.plugin_host.record_tables import get_time


class ChatMessageMethods(ChatRows):
    """Messages of chats."""

    @awaited_or_not
    async def get_messages_map_by_chat_id(self, id: str) -> Any:
        messages = await ChatMessages.get_messages_map_by_chat_id(id)
        if messages is not None:
            return messages
        chat = await self._find_chat(id)
        return get_history(chat).get("messages") or {} if chat is not None else None

    @awaited_or_not
    async def get_message_by_id_and_message_id(self, id: str, message_id: str) -> Any:
        messages = await ChatMessages.get_messages_map_by_chat_id(id) or {}
        if message_id in messages:
            return messages[message_id]
        chat = await self._find_chat(id)
        return (get_history(chat).get("messages") or {}).get(message_id, {}) if chat is not None else None

    @awaited_or_not
    async def get_message_metadata(self, chat_id: str, message_id: str, metadata_key: str) -> Any:
        message = await self.get_message_by_id_and_message_id(chat_id, message_id)
        return (message or {}).get(metadata_key)

    @awaited_or_not
    async def upsert_message_to_chat_by_id_and_message_id(
        self, id: str, message_id: str, message: dict[str, Any], *, touch: bool = True
    ) -> Any:
        return await self._change("chats.save_message", id, message_id=message_id, message=message)

    @awaited_or_not
    async def delete_message_from_chat_by_id_and_message_id(self, id: str, message_id: str) -> Any:
        return await self._change("chats.delete_message", id, message_id=message_id)

    @awaited_or_not
    async def add_message_status_to_chat_by_id_and_message_id(
        self, id: str, message_id: str, status: dict[str, Any]
    ) -> Any:
        return await self._change("chats.add_status", id, message_id=message_id, status=status)

    @awaited_or_not
    async def add_message_files_by_id_and_message_id(
        self, id: str, message_id: str, files: list[dict[str, Any]]
    ) -> Any:
        """Append files to a message, and return all that it has then; none for an unknown message."""
        chat = await self._find_chat(id)
        if chat is None:
            return None
        message = (get_history(chat).get("messages") or {}).get(message_id)
        if message is None:
            return []
        all_files = [*(message.get("files") or []), *files]
        await self._call("chats.save_message", chat_id=id, message_id=message_id, message={"files": all_files})
        return all_files

    @awaited_or_not
    async def insert_chat_files(
        self, chat_id: str, message_id: str, file_ids: list[str], user_id: str, db: Any = None
    ) -> Any:
        """Link files to a chat; those that are linked already are left out."""
        linked = {row["file_id"] for row in await self._list_rows("chat_file", {"chat_id": chat_id})}
        now, created = get_time(), []
        for file_id in dict.fromkeys(file_id for file_id in file_ids if file_id and file_id not in linked):
            values = {
                "id": str(uuid.uuid4()),
                "user_id": user_id,
                "chat_id": chat_id,
                "message_id": message_id,
                "file_id": file_id,
                "created_at": now,
                "updated_at": now,
            }
            await self._call("rows.insert", table="chat_file", values=values)
            created.append(ChatFileModel.model_validate(values))
        return created or None

    @awaited_or_not
    async def get_chat_files_by_chat_id_and_message_id(self, chat_id: str, message_id: str, db: Any = None) -> Any:
        where = {"chat_id": chat_id, "message_id": message_id}
        rows = await self._list_rows("chat_file", where, order="created_at")
        return [ChatFileModel.model_validate(row) for row in rows]

    @awaited_or_not
    async def delete_chat_file(self, chat_id: str, file_id: str, db: Any = None) -> Any:
        where = {"chat_id": chat_id, "file_id": file_id}
        return await self._call("rows.delete", table="chat_file", where=where) is not None
