"""Chats: what the user and models have said before."""

from __future__ import annotations

from typing import Any

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, integer, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.builtin.text_matches import read_count, read_seconds
from fastback.completions.tools.offered_tool import ToolCallContext
from fastback.completions.turn import Turn
from fastback.features.chats import store
from fastback.features.chats.document import Document
from fastback.features.chats.messages.message_tree import walk_to_root
from fastback.features.chats.search.service import ChatSearch
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Database

Json = dict[str, Any]


class ChatTools(BuiltinGroup):
    """`search_chats` and `view_chat`."""

    category = "chats"
    has_fixed_tools = True

    def __init__(self, db: Database, search: ChatSearch) -> None:
        self._db = db
        self._chat_search = search

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return True

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "search_chats",
                "Search the earlier chats of the user, their titles and messages, for what this chat does not say. "
                "Chats that contain the exact phrase come first, then those that contain all of its words.",
                [
                    text("query", "A phrase, or words that describe what to find"),
                    integer("count", "Number of chats", 5),
                    integer("start_timestamp", "Only chats changed since this Unix time in seconds", None),
                    integer("end_timestamp", "Only chats changed until this Unix time in seconds", None),
                ],
                self._search,
            ),
            BuiltinTool(
                "view_chat",
                "Read an earlier chat of the user that search_chats has found.",
                [text("chat_id", "Id of the chat")],
                self._view,
            ),
        ]

    async def _search(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        count = read_count(arguments)
        since, until = (read_seconds(arguments, name) for name in ("start_timestamp", "end_timestamp"))
        chats = await self._chat_search.search_range(
            context.turn.user.id,
            arguments.text("query"),
            since=since,
            until=until,
            limit=count + 1,
        )
        others = [chat for chat in chats if chat.id != context.turn.request.chat_id]
        return [_describe(chat) for chat in others[:count]]

    async def _view(self, arguments: Arguments, context: ToolCallContext) -> Json:
        chat = await store.find_owned_chat(self._db, arguments.text("chat_id"), context.turn.user.id)
        if chat is None:
            return {"error": "Chat not found or access denied"}
        document = await Document.load(self._db, chat.chat)
        messages = await document.run(_list_messages, document)
        return {
            "id": chat.id,
            "title": chat.title,
            "messages": messages,
            "updated_at": chat.updated_at,
            "created_at": chat.created_at,
        }


def _describe(chat: ChatTitle) -> Json:
    title_match = f"Title match: {chat.title}" if chat.title else ""
    return {
        "id": chat.id,
        "title": chat.title,
        "snippet": chat.snippet or title_match,
        "updated_at": chat.updated_at,
    }


def _list_messages(document: Document) -> list[Json]:
    """Return the messages that the page shows of a chat, oldest first."""
    branch = walk_to_root(document.opening_message_id, document.find_message)
    messages = [{"role": message.get("role", ""), "content": message.get("content", "")} for message in branch]
    return messages[::-1]
