"""Chats as they were when they were shared."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable, escape_pattern, get_time
from fastback.plugin_host.sql_records import find_record_class


class SharedChatModel(Record):
    id: str
    chat_id: str
    user_id: str
    title: str
    chat: dict[str, Any]
    created_at: int
    updated_at: int


class SharedChatResponse(Record):
    id: str
    chat_id: str
    title: str
    share_id: str | None = None
    updated_at: int
    created_at: int


class SharedChatsTable(RecordTable):
    """The id of a share is in its link; the original names it as `share_id`."""

    table = "shared_chat"
    model = SharedChatModel

    async def _find_original(self, chat_id: str) -> dict[str, Any] | None:
        rows = await self._list_rows("chat", {"id": chat_id}, columns="title chat")
        return rows[0] if rows else None

    @awaited_or_not
    async def create(self, chat_id: str, user_id: str, db: Any = None, *, share_mode: str | None = None) -> Any:
        original = await self._find_original(chat_id)
        if original is None:
            return None
        now = get_time()
        values = {
            "id": str(uuid.uuid4()),
            "chat_id": chat_id,
            "user_id": user_id,
            "title": original["title"],
            "chat": {**original["chat"], "share_mode": share_mode},
            "created_at": now,
            "updated_at": now,
        }
        await self._call("rows.insert", table="shared_chat", values=values)
        return await self._find(id=values["id"])

    @awaited_or_not
    async def update(self, share_id: str, form_data: Any = None, db: Any = None) -> Any:
        """Share the present state of the chat; a form may set `share_mode`."""
        shared = await self._find(id=share_id)
        original = await self._find_original(shared.chat_id) if shared is not None else None
        if original is None:
            return None
        form = dump_form(form_data, exclude_unset=True) if form_data is not None else {}
        document = {**original["chat"], "share_mode": shared.chat.get("share_mode"), **form}
        return await self._update(share_id, {"title": original["title"], "chat": document})

    @awaited_or_not
    async def set_share_mode(self, share_id: str, share_mode: str | None, db: Any = None) -> Any:
        """Say whether readers may `continue` the chat; one that they could continue is shared as it is now."""
        shared = await self._find(id=share_id)
        if shared is None:
            return
        values: dict[str, Any] = {"updated_at": shared.updated_at}
        document = shared.chat
        if share_mode is None and document.get("share_mode") == "continue":
            original = await self._find_original(shared.chat_id)
            if original is not None:
                values["title"], document = original["title"], original["chat"]
        await self._update(share_id, {**values, "chat": {**document, "share_mode": share_mode}})

    @awaited_or_not
    async def get_by_id(self, share_id: str, db: Any = None) -> Any:
        return await self._find(id=share_id)

    @awaited_or_not
    async def get_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        shares = await self._list(order="-updated_at", limit=1, chat_id=chat_id)
        return shares[0] if shares else None

    @awaited_or_not
    async def get_by_user_id(
        self, user_id: str, filter: dict[str, Any] | None = None, skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        """Return the shares of a user; a filter has `query`, `order_by` and `direction`.

        Raises:
            ValueError: the column or the direction is unknown.
        """
        filter = filter or {}
        where: dict[str, Any] = {"user_id": user_id}
        if filter.get("query"):
            where["title~"] = f"%{escape_pattern(filter['query'])}%"
        columns = "id chat_id title updated_at created_at"
        page: dict[str, Any] = {"order": _build_order(filter), "skip": skip, "limit": limit or None}
        rows = await self._list_rows("shared_chat", where, columns=columns, **page)
        return [SharedChatResponse.model_validate({**row, "id": row["chat_id"], "share_id": row["id"]}) for row in rows]

    async def _delete(self, **where: Any) -> bool:
        return await self._call("rows.delete", table="shared_chat", where=where) is not None

    @awaited_or_not
    async def delete_by_id(self, share_id: str, db: Any = None) -> Any:
        return await self._delete(id=share_id)

    @awaited_or_not
    async def delete_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        return await self._delete(chat_id=chat_id)

    @awaited_or_not
    async def delete_all_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._delete(user_id=user_id)


def _build_order(filter: dict[str, Any]) -> str:
    order_by, direction = filter.get("order_by"), filter.get("direction")
    if not order_by or not direction:
        return "-updated_at"
    if order_by not in SharedChatModel.model_fields:
        raise ValueError("Invalid order_by field")
    if direction.lower() not in ("asc", "desc"):
        raise ValueError("Invalid direction for ordering")
    return f"{'-' if direction.lower() == 'desc' else ''}{order_by}"


SharedChats = SharedChatsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"SharedChat": "shared_chat"})
