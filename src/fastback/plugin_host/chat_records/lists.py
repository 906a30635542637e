"""Methods that list chats; chats of notes and subagents are in no list."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.forms import ChatListResponse, ChatModel
from fastback.plugin_host.chat_records.rows import ChatRows, build_list_order, build_order
from fastback.plugin_host.record_tables import escape_pattern

Json = dict[str, Any]


class ChatLists(ChatRows):
    """Lists of chats."""

    @awaited_or_not
    async def get_chats(self, skip: int = 0, limit: int = 50, db: Any = None) -> Any:
        return await self._list_chats(skip=skip, limit=limit)

    @awaited_or_not
    async def get_chats_by_user_id(
        self,
        user_id: str,
        filter: Json | None = None,
        skip: int | None = None,
        limit: int | None = None,
        db: Any = None,
    ) -> Any:
        """Return `items` and `total`; a filter has `updated_at`, a bound, `order_by` and `direction`."""
        filter = filter or {}
        where: Json = {"user_id": user_id}
        if filter.get("updated_at"):
            where["updated_at>"] = filter["updated_at"]
        order = build_order(filter.get("order_by"), filter.get("direction"))
        chats = await self._list_chats(order=order, skip=skip, limit=limit, **where)
        return ChatListResponse(items=chats, total=await self._count_chats(**where))

    @awaited_or_not
    async def get_chat_list_by_chat_ids(
        self, chat_ids: list[str], skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        return await self._list_chats(skip=skip, limit=limit, id=list(chat_ids), archived=False)

    @awaited_or_not
    async def get_archived_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._list_chats(user_id=user_id, archived=True)

    @awaited_or_not
    async def get_chats_by_folder_ids_and_user_id(self, folder_ids: list[str], user_id: str, db: Any = None) -> Any:
        where: Json = {"folder_id": list(folder_ids), "user_id": user_id, "archived": False}
        return await self._list_chats(is_unpinned=True, **where)

    @awaited_or_not
    async def get_chats_by_user_id_and_search_text(
        self,
        user_id: str,
        search_text: str,
        include_archived: bool = False,
        skip: int = 0,
        limit: int = 60,
        db: Any = None,
    ) -> Any:
        """Return the chats that the search of the page finds."""
        query = {"text": search_text, "page": skip // max(limit, 1) + 1}
        entries = await self._run(user_id, "GET", "/api/v1/chats/search", query=query) or []
        chats = {chat.id: chat for chat in await self._list(id=[entry["id"] for entry in entries])}
        return [chats[entry["id"]] for entry in entries if entry["id"] in chats][:limit]

    @awaited_or_not
    async def get_chat_list_by_user_id(
        self,
        user_id: str,
        include_archived: bool = False,
        filter: Json | None = None,
        skip: int = 0,
        limit: int = 50,
        db: Any = None,
    ) -> Any:
        where = {"user_id": user_id, **({} if include_archived else {"archived": False})}
        return await self._list_filtered(filter, skip, limit, where)

    @awaited_or_not
    async def get_archived_chat_list_by_user_id(
        self, user_id: str, filter: Json | None = None, skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        return await self._list_filtered(filter, skip, limit, {"user_id": user_id, "archived": True})

    async def _list_filtered(self, filter: Json | None, skip: int, limit: int, where: Json) -> Any:
        """Return entries that a filter with `query`, `order_by` and `direction` names."""
        filter = filter or {}
        if filter.get("query"):
            where["title~"] = f"%{escape_pattern(filter['query'])}%"
        order = build_order(filter.get("order_by"), filter.get("direction"))
        return await self._list_titles(order=order, skip=skip, limit=limit, **where)

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
        where: Json = {"user_id": user_id, "is_unpinned": not include_pinned}
        where |= {} if include_archived else {"archived": False}
        where |= {} if include_folders else {"folder_id": None}
        return await self._list_titles(order=build_list_order(sort_by, sort_dir), skip=skip, limit=limit, **where)

    @awaited_or_not
    async def get_pinned_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._list_titles(user_id=user_id, pinned=True, archived=False)

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
        where = {"folder_id": folder_id, "user_id": user_id, "archived": False, "is_unpinned": True}
        return await self._list_titles(order=build_list_order(sort_by, sort_dir), skip=skip, limit=limit, **where)

    @awaited_or_not
    async def get_all_chats_by_folder_id(
        self,
        folder_id: str,
        skip: int = 0,
        limit: int = 60,
        sort_by: str = "updated_at",
        sort_dir: str = "desc",
        unread_for_user_id: str | None = None,
        db: Any = None,
    ) -> Any:
        """Return entries of chats in a folder, of all users."""
        where = {"folder_id": folder_id, "archived": False, "is_unpinned": True, "is_visible": True}
        columns = "id title user_id updated_at created_at last_read_at"
        page: dict[str, Any] = {"order": build_list_order(sort_by, sort_dir), "skip": skip, "limit": limit or None}
        rows = await self._list_rows("chat", where, columns=columns, **page)
        return [{"last_read_at": None, **row} for row in rows]

    @awaited_or_not
    async def get_chats_by_model_id(
        self, model_id: str, filter: Json | None = None, skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        """Return `items` and `total` of the chats in which a model has answered; a page has 100 at most."""
        names = ("start_date", "end_date", "order_by", "direction")
        query = {name: value for name, value in (filter or {}).items() if name in names and value}
        query |= {"skip": skip, "limit": min(limit or 100, 100)}
        path = f"/api/v1/analytics/models/{quote(model_id, safe='')}/chats"
        page = await self._run(None, "GET", path, query=query) or {}
        return {"items": page.get("chats", []), "total": page.get("total", 0)}

    @awaited_or_not
    async def get_internal_chat_ids_by_parent_id(self, parent_chat_id: str, user_id: str) -> Any:
        """Return the ids of the subagents' chats of a chat."""
        rows = await self._list_rows("chat", {"user_id": user_id, "is_internal": True}, columns="id meta")
        return [row["id"] for row in rows if row["meta"].get("parent_chat_id") == parent_chat_id]

    @awaited_or_not
    async def get_internal_chats_by_note_id(self, note_id: str, user_id: str, db: Any = None) -> Any:
        """Return the chats about a note, the last changed first."""
        chats = await self._list(order="-updated_at -created_at", user_id=user_id, is_internal=True)
        return [chat for chat in chats if _is_about_note(chat, note_id)]

    @awaited_or_not
    async def get_internal_chat_by_note_id(self, note_id: str, user_id: str, db: Any = None) -> Any:
        chats = await self.get_internal_chats_by_note_id(note_id, user_id)
        return chats[0] if chats else None


def _is_about_note(chat: ChatModel, note_id: str) -> bool:
    return chat.meta.get("type") == "note" and chat.meta.get("note_id") == note_id
