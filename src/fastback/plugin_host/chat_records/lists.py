"""Methods that list and count chats."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.forms import ChatTitleIdResponse
from fastback.plugin_host.chat_records.rows import ChatRows


class ChatLists(ChatRows):
    """Lists of chats."""

    @awaited_or_not
    async def get_chat_list_by_user_id(
        self,
        user_id: str,
        include_archived: bool = False,
        filter: dict[str, Any] | None = None,
        skip: int = 0,
        limit: int = 50,
        db: Any = None,
    ) -> Any:
        where = {"user_id": user_id, **({} if include_archived else {"archived": False})}
        return await self._list_titles(skip=skip, limit=limit, **where)

    @awaited_or_not
    async def get_chat_title_id_list_by_user_id(
        self,
        user_id: str,
        include_archived: bool = False,
        include_folders: bool = False,
        include_pinned: bool = False,
        sort_by: str = "updated_at",
        sort_dir: str = "desc",
        skip: int | None = None,
        limit: int | None = None,
        db: Any = None,
    ) -> Any:
        where: dict[str, Any] = {"user_id": user_id}
        where |= {} if include_archived else {"archived": False}
        where |= {} if include_folders else {"folder_id": None}
        entries = await self._list_rows("chat", where, order=f"{'-' if sort_dir == 'desc' else ''}{sort_by}")
        entries = [entry for entry in entries if include_pinned or not entry.get("pinned")]
        stop = None if limit is None else (skip or 0) + limit
        return [ChatTitleIdResponse.model_validate(entry) for entry in entries[skip or 0 : stop]]

    @awaited_or_not
    async def get_pinned_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._list_titles(user_id=user_id, pinned=True, archived=False)

    @awaited_or_not
    async def get_archived_chat_list_by_user_id(
        self, user_id: str, filter: dict[str, Any] | None = None, skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        return await self._list_titles(skip=skip, limit=limit, user_id=user_id, archived=True)

    @awaited_or_not
    async def count_archived_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._count(user_id=user_id, archived=True)

    @awaited_or_not
    async def get_chats_by_folder_id_and_user_id(
        self,
        folder_id: str,
        user_id: str,
        skip: int = 0,
        limit: int = 60,
        sort_by: str = "updated_at",
        sort_dir: str = "desc",
        db: Any = None,
    ) -> Any:
        where = {"folder_id": folder_id, "user_id": user_id, "archived": False}
        return await self._list_titles(skip=skip, limit=limit, **where)

    @awaited_or_not
    async def count_chats_by_folder_id_and_user_id(self, folder_id: str, user_id: str, db: Any = None) -> Any:
        return await self._count(folder_id=folder_id, user_id=user_id)

    @awaited_or_not
    async def archive_all_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return bool(await self._run(user_id, "POST", "/api/v1/chats/archive/all"))

    @awaited_or_not
    async def unarchive_all_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return bool(await self._run(user_id, "POST", "/api/v1/chats/unarchive/all"))
