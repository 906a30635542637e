"""Methods about what users have read."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.forms import ChatTitleIdResponse
from fastback.plugin_host.chat_records.rows import ChatRows
from fastback.plugin_host.record_tables import get_time


class ChatReading(ChatRows):
    """When users have read their chats."""

    @awaited_or_not
    async def update_chat_last_read_at_by_id(self, id: str, user_id: str, db: Any = None) -> Any:
        """Note that the user reads a chat now; return the time, and whether the chat was unread."""
        chat = await self._find_chat(id, user_id)
        if chat is None:
            return None
        now = get_time()
        await self._set_columns(id, {"last_read_at": now})
        return now, chat.last_read_at is None or chat.updated_at > chat.last_read_at

    @awaited_or_not
    async def mark_chat_unread_by_id(self, id: str, user_id: str, db: Any = None) -> Any:
        if await self._find_chat(id, user_id) is None:
            return None
        return ChatTitleIdResponse.model_validate((await self._set_columns(id, {"last_read_at": 0})).model_dump())

    @awaited_or_not
    async def mark_chats_read_by_folder_ids(self, user_id: str, folder_ids: list[str], db: Any = None) -> Any:
        """Note that the user has read the chats in folders, and return their number."""
        return await self._mark_read(user_id=user_id, folder_id=list(folder_ids)) if folder_ids else 0

    @awaited_or_not
    async def mark_chats_read_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._mark_read(user_id=user_id)

    async def _mark_read(self, **where: Any) -> int:
        where |= {"archived": False, "is_visible": True}
        rows = await self._list_rows("chat", where, columns="id updated_at last_read_at")
        for row in rows:
            if row.get("last_read_at") != row["updated_at"]:
                await self._call(
                    "rows.update", table="chat", where={"id": row["id"]}, values={"last_read_at": row["updated_at"]}
                )
        return len(rows)
