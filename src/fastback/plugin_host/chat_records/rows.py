"""Read a chat, and have the server change it."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.chat_records.forms import ChatModel, ChatTitleIdResponse
from fastback.plugin_host.record_models import decode_row
from fastback.plugin_host.record_tables import RecordTable

_TITLE_COLUMNS = "id title updated_at created_at last_read_at"


class ChatRows(RecordTable):
    """What the methods of chats have in common."""

    table = "chat"
    model = ChatModel

    async def _find_chat(self, id: str | None, user_id: str | None = None) -> Any:
        """Return a chat with its whole document, where it is that user's; None without it."""
        row = await self._call("chats.find", chat_id=id) if id else None
        if row is None or user_id not in (None, row["user_id"]):
            return None
        return ChatModel.model_validate(decode_row(row))

    async def _list_chats(
        self, *, order: str = "-updated_at id", skip: int | None = None, limit: int | None = None, **where: Any
    ) -> Any:
        """Return chats with their documents, without those of notes and subagents."""
        return await self._list(order=order, skip=skip, limit=limit or None, is_visible=True, **where)

    async def _list_titles(
        self, *, order: str = "-updated_at id", skip: int | None = None, limit: int | None = None, **where: Any
    ) -> Any:
        """Return entries of lists, without chats of notes and subagents."""
        where["is_visible"] = True
        page: dict[str, Any] = {"order": order, "skip": skip, "limit": limit or None}
        rows = await self._list_rows("chat", where, columns=_TITLE_COLUMNS, **page)
        return [ChatTitleIdResponse.model_validate(row) for row in rows]

    async def _count_chats(self, **where: Any) -> int:
        return await self._count(is_visible=True, **where)

    async def _change(self, method: str, chat_id: str, **params: Any) -> Any:
        """Run a change in the server, and return the chat after it."""
        await self._call(method, chat_id=chat_id, **params)
        return await self._find_chat(chat_id)

    async def _set_columns(self, chat_id: str, values: dict[str, Any], merge: list[str] | None = None) -> Any:
        await self._call("rows.update", table="chat", where={"id": chat_id}, values=values, merge=merge)
        return await self._find_chat(chat_id)


def get_history(chat: ChatModel) -> dict[str, Any]:
    """Return the tree of messages in a chat's document."""
    history = chat.chat.get("history")
    return history if isinstance(history, dict) else {}


def build_order(order_by: str | None, direction: str | None) -> str:
    """Return the order that a filter names, by default the last changed first.

    Raises:
        ValueError: the direction is unknown.
    """
    if not order_by or not direction:
        return "-updated_at id"
    if direction.lower() not in ("asc", "desc"):
        raise ValueError("Invalid direction for ordering")
    return f"{'-' if direction.lower() == 'desc' else ''}{order_by} id"


def build_list_order(sort_by: str, sort_dir: str) -> str:
    """Return the order of the page's lists: by title, or by time of change."""
    return f"{'' if sort_dir == 'asc' else '-'}{'title' if sort_by == 'title' else 'updated_at'} id"
