"""Methods for shared chats."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.rows import ChatRows
from fastback.plugin_host.open_webui.models.shared_chats import SharedChats


class ChatSharing(ChatRows):
    """Shares of chats, and who may read a chat besides its owner."""

    @awaited_or_not
    async def get_chat_by_share_id(self, id: str, db: Any = None) -> Any:
        rows = await self._list_rows("shared_chat", {"id": id})
        return self.model.model_validate({**rows[0], "share_id": id}) if rows else None

    @awaited_or_not
    async def insert_shared_chat_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        """Share a chat as it is now, or share the present state of one that is shared, and return it."""
        chat = await self._find_chat(chat_id)
        if chat is None:
            return None
        if chat.share_id:
            await SharedChats.update(chat.share_id)
            return chat
        shared = await SharedChats.create(chat_id, chat.user_id)
        return await self._set_columns(chat_id, {"share_id": shared.id}) if shared is not None else None

    @awaited_or_not
    async def update_shared_chat_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        return await self.insert_shared_chat_by_chat_id(chat_id)

    @awaited_or_not
    async def update_chat_share_id_by_id(self, id: str, share_id: str | None, db: Any = None) -> Any:
        return await self._set_columns(id, {"share_id": share_id})

    @awaited_or_not
    async def delete_shared_chat_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        return await SharedChats.delete_by_chat_id(chat_id)

    @awaited_or_not
    async def delete_shared_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        """Delete the shares of a user's chats."""
        await SharedChats.delete_all_by_user_id(user_id)
        for row in await self._list_rows("chat", {"user_id": user_id}, columns="id share_id"):
            if row.get("share_id"):
                await self._set_columns(row["id"], {"share_id": None})
        return True

    @awaited_or_not
    async def get_shared_chat_list_by_user_id(
        self, user_id: str, filter: dict[str, Any] | None = None, skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        return await SharedChats.get_by_user_id(user_id, filter=filter, skip=skip, limit=limit)

    @awaited_or_not
    async def get_shared_chat_ids_by_file_id(self, file_id: str, db: Any = None) -> Any:
        """Return the chats with a file that a link or a folder may share."""
        links = await self._list_rows("chat_file", {"file_id": file_id}, columns="chat_id")
        ids = sorted({link["chat_id"] for link in links})
        rows = await self._list_rows("chat", {"id": ids}, columns="id share_id folder_id") if ids else []
        return [row["id"] for row in rows if row.get("share_id") or row.get("folder_id")]

    @awaited_or_not
    async def get_accessible_chat_by_id(
        self, id: str, user: Any, db: Any = None, *, permission: str = "read", chat: Any = None
    ) -> Any:
        """Return a chat that a user may read, or continue with the permission `write`."""
        if user.role not in ("user", "admin"):
            return None
        chat = chat if chat is not None else await self._find_chat(id)
        if chat is None or chat.user_id == user.id:
            return chat
        may_read = await self._run(user.id, "GET", f"/api/v1/chats/{id}") is not None
        return chat if may_read and (permission == "read" or await self._may_continue(chat)) else None

    async def _may_continue(self, chat: Any) -> bool:
        """Return whether those who may read a chat may also write into it."""
        shared = await SharedChats.get_by_chat_id(chat.id)
        if shared is not None and shared.chat.get("share_mode") == "continue":
            return True
        folders = await self._list_rows("folder", {"id": chat.folder_id}, columns="data") if chat.folder_id else []
        return bool(folders) and (folders[0].get("data") or {}).get("share_mode") == "continue"
