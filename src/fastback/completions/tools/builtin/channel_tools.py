"""Channels: what people and models have written there."""

from __future__ import annotations

from typing import Any

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, integer, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.builtin.text_matches import cut_head, cut_match, read_count, read_seconds
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_ENABLE
from fastback.features.channels import store as channel_store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.messages import store
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.responses import FullMessage
from fastback.features.channels.messages.search_store import MatchingMessage
from fastback.features.channels.search import MessageSearch
from fastback.features.channels.store import Channel
from fastback.kit.db import Database

Json = dict[str, Any]

#: Messages of a thread that a model is shown, the last ones.
MAX_THREAD = 500


class ChannelTools(BuiltinGroup):
    """`search_channels`, `search_channel_messages`, `view_channel_thread` and `view_channel_message`."""

    category = "channels"
    has_fixed_tools = True

    def __init__(
        self, *, db: Database, config: Config, access: ChannelAccess, reader: MessageReader, search: MessageSearch
    ) -> None:
        self._db = db
        self._config = config
        self._access = access
        self._reader = reader
        self._message_search = search

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return self._config.get_bool(CHANNELS_ENABLE) and await conditions.has_permission("features.channels")

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "search_channels",
                "Search the channels that the user may read by their names and descriptions.",
                [text("query", "Part of a name or description"), integer("count", "Number of channels", 5)],
                self._search_channels,
            ),
            BuiltinTool(
                "search_channel_messages",
                "Search the messages of the user's channels, and the replies in their threads, for what people have "
                "discussed before.",
                [
                    text("query", "Text that the messages contain"),
                    integer("count", "Number of messages", 10),
                    integer("start_timestamp", "Only messages written since this Unix time in seconds", None),
                    integer("end_timestamp", "Only messages written until this Unix time in seconds", None),
                ],
                self._search_messages,
            ),
            BuiltinTool(
                "view_channel_thread",
                "Read a thread of a channel: its first message and all replies, oldest first.",
                [text("parent_message_id", "Id of the first message of the thread")],
                self._view_thread,
            ),
            BuiltinTool(
                "view_channel_message",
                "Read a message of a channel.",
                [text("message_id", "Id of the message")],
                self._view_message,
            ),
        ]

    async def _search_channels(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        query, user = arguments.text("query").lower(), context.turn.user
        rows = await channel_store.list_readable_channels(self._db, user.id, await self._access.list_group_ids(user))
        matches = [row for row in rows if query in row.name.lower() or query in (row.description or "").lower()]
        return [
            {
                "id": row.id,
                "name": row.name,
                "description": row.description or "",
                "type": row.type or "public",
            }
            for row in matches[: read_count(arguments)]
        ]

    async def _search_messages(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        query, user = arguments.text("query"), context.turn.user
        channels = {channel.id: channel for channel in await self._message_search.list_channels(user)}
        since, until = (read_seconds(arguments, name) for name in ("start_timestamp", "end_timestamp"))
        messages = await self._message_search.search_phrase(
            user,
            list(channels),
            query,
            since=since and since * 10**9,
            until=until and until * 10**9,
            limit=read_count(arguments),
        )
        return [_describe_match(message, query, channels[message.channel_id].name) for message in messages]

    async def _view_message(self, arguments: Arguments, context: ToolCallContext) -> Json:
        message, channel = await self._get_message(arguments.text("message_id"), context)
        return {
            "id": message.id,
            "channel_id": channel.id,
            "channel_name": channel.name,
            "content": message.content,
            "user_id": message.user_id,
            "is_thread_reply": message.parent_id is not None,
            "parent_id": message.parent_id,
            "reply_count": message.reply_count,
            "created_at": message.created_at,
            "updated_at": message.updated_at,
            **({"user_name": message.user.name} if message.user is not None else {}),
        }

    async def _view_thread(self, arguments: Arguments, context: ToolCallContext) -> Json:
        parent, channel = await self._get_message(arguments.text("parent_message_id"), context)
        rows = await store.list_replies(self._db, channel.id, parent.id, skip=0, limit=MAX_THREAD)
        replies = await self._reader.list_messages(rows[::-1], with_threads=False)
        messages = [
            {**_describe_entry(parent), "is_parent": True},
            *({**_describe_entry(reply), "is_parent": False, "reply_to_id": reply.reply_to_id} for reply in replies),
        ]
        return {
            "channel_id": channel.id,
            "channel_name": channel.name,
            "thread_id": parent.id,
            "message_count": len(messages),
            "messages": messages,
        }

    async def _get_message(self, message_id: str, context: ToolCallContext) -> tuple[FullMessage, Channel]:
        """Return a message that the user may read, and its channel.

        Raises:
            ToolError: there is no such message, or the user may not read its channel.
        """
        message = await self._reader.find_message(message_id)
        if message is None:
            raise ToolError("Message not found")
        channel = await channel_store.find_channel(self._db, message.channel_id or "")
        if channel is None:
            raise ToolError("Channel not found")
        if not await self._access.is_allowed(channel, context.turn.user, "read"):
            raise ToolError("Access denied")
        return message, channel


def _describe_match(message: MatchingMessage, query: str, channel_name: str) -> Json:
    return {
        "channel_id": message.channel_id,
        "channel_name": channel_name,
        "message_id": message.id,
        "content_snippet": cut_match(message.content, [query.lower()]) or cut_head(message.content),
        "is_thread_reply": message.parent_id is not None,
        "parent_id": message.parent_id,
        "created_at": message.created_at,
    }


def _describe_entry(message: FullMessage) -> Json:
    return {
        "id": message.id,
        "content": message.content,
        "user_id": message.user_id,
        "user_name": message.user.name if message.user is not None else None,
        "created_at": message.created_at,
    }
