"""What apps ask of channels over their connection: their channels, messages, and whether a token is still valid."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import Grants
from fastback.features.apps.access import require_scope
from fastback.features.apps.connections.operations import AppOperations, parse_arguments, refuse_operation
from fastback.features.apps.context_tokens import ContextTokens
from fastback.features.apps.schemas import App
from fastback.features.channels.access import KIND
from fastback.features.channels.apps import store
from fastback.features.channels.apps.access import AppChannelAccess
from fastback.features.channels.apps.app_messages import AppMessages
from fastback.features.channels.apps.message_content import describe_message
from fastback.features.channels.apps.schemas import AppMessage, HistoryForm, TokenForm
from fastback.features.channels.messages import store as message_store
from fastback.features.channels.messages.store import MessageRow
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound

Json = dict[str, Any]

_READ_CHANNELS, _READ_MESSAGES = "channels:read", "channels:messages:read"
#: Characters of an id.
_MAX_ID = 100
#: Fields of tokens that are for this server alone.
_TOKEN_FIELDS = ("purpose", "exp", "nonce")


class AppRequests:
    """Answer apps; each request checks their scopes and channels again."""

    def __init__(
        self,
        *,
        db: Database,
        access: AppChannelAccess,
        grants: Grants,
        tokens: ContextTokens,
        messages: AppMessages,
    ) -> None:
        self._db = db
        self._access = access
        self._grants = grants
        self._tokens = tokens
        self._messages = messages

    def add_to(self, operations: AppOperations) -> None:
        """Let apps request the operations."""
        operations.add("list_channels", self._list_channels)
        operations.add("authorize", self._authorize)
        operations.add("verify_event", self._verify_event)
        operations.add("list_messages", self._list_messages)
        operations.add("create_message", self._create_message)
        operations.add("update_message", self._update_message)

    async def _list_channels(self, app: App, arguments: Json) -> list[Json]:
        """Return the channels that the app takes part in."""
        if arguments:
            raise refuse_operation()
        self._access.require_channels()
        require_scope(app, _READ_CHANNELS)
        channels = await store.list_channels(self._db, app.id)
        grants = await self._grants.list_grants_by_resource(KIND, [channel.id for channel in channels])
        return [
            {
                "id": channel.id,
                "name": channel.name,
                "type": channel.type,
                "is_private": channel.is_private is True
                if channel.type == "group"
                else all(grant.principal_id != "*" for grant in grants[channel.id]),
            }
            for channel in channels
        ]

    async def _authorize(self, app: App, arguments: Json) -> Json:
        """Return what an execution token allows: the app may still act for the user in the channel."""
        context = self._tokens.read(app, "execution", parse_arguments(TokenForm, arguments).token)
        actor = await self._access.get_actor(context["actor_id"])
        await self._access.require_invocation(app, context["channel_id"], actor)
        require_scope(app, context["scope"])
        return {
            "authorized": True,
            "operation_id": context["operation_id"],
            "actor": {"id": actor.id, "name": actor.name, "is_admin": actor.is_admin},
            "channel_id": context["channel_id"],
            "type": context.get("type"),
            "data": context.get("data"),
        }

    async def _verify_event(self, app: App, arguments: Json) -> Json:
        """Return the event that an event token was made for: the app may still read the channel."""
        context = self._tokens.read(app, "event", parse_arguments(TokenForm, arguments).token)
        await self._access.get_joined_channel(app, context["channel"]["id"])
        require_scope(app, _READ_MESSAGES)
        return {name: value for name, value in context.items() if name not in _TOKEN_FIELDS}

    # -- messages --------------------------------------------------------------------------------------------------

    async def _list_messages(self, app: App, arguments: Json) -> Json:
        """Return a page of a channel or of a thread, newest first."""
        form = parse_arguments(HistoryForm, arguments)
        await self._access.get_joined_channel(app, form.channel_id)
        require_scope(app, _READ_MESSAGES)
        rows = await self._list_rows(form)
        page = rows[: form.limit]
        return {
            "messages": [describe_message(row) for row in page],
            "next_cursor": page[-1].id if len(rows) > form.limit else None,
        }

    async def _list_rows(self, form: HistoryForm) -> list[MessageRow]:
        """Return the messages of a page, and one more where there are more.

        Raises:
            NotFound: there is no such thread. BadRequest: the message before which the page ends is elsewhere.
        """
        limit, parent_id = form.limit + 1, form.parent_id
        if parent_id:
            channel_ids = await message_store.list_channel_ids(self._db, [parent_id])
            if channel_ids.get(parent_id) != form.channel_id:
                raise NotFound("Thread not found")
        if not form.before:
            if parent_id is None:
                return await message_store.list_page(self._db, form.channel_id, skip=0, limit=limit)
            return await message_store.list_replies(self._db, form.channel_id, parent_id, skip=0, limit=limit)
        cursor = await message_store.find_message(self._db, form.before)
        if cursor is None or cursor.channel_id != form.channel_id or cursor.parent_id != parent_id:
            raise BadRequest("Invalid message cursor")
        if parent_id is None:
            return await message_store.list_page_before(self._db, cursor, limit=limit)
        return await message_store.list_replies_before(self._db, cursor, parent_id, limit=limit)

    async def _create_message(self, app: App, arguments: Json) -> Json:
        channel_id, fields = _take_id(arguments, "channel_id")
        message = await self._messages.post_message(app, channel_id, parse_arguments(AppMessage, fields))
        return msgspec.structs.asdict(message)

    async def _update_message(self, app: App, arguments: Json) -> Json:
        message_id, fields = _take_id(arguments, "message_id")
        etag = fields.pop("etag", None)
        message = await self._messages.update_message(app, message_id, parse_arguments(AppMessage, fields), etag)
        return msgspec.structs.asdict(message)


def _take_id(arguments: Json, name: str) -> tuple[str, Json]:
    """Return an id among the arguments, and the others.

    Raises:
        BadRequest: it is missing or invalid.
    """
    fields = dict(arguments)
    resource_id = fields.pop(name, None)
    if not isinstance(resource_id, str) or not 1 <= len(resource_id) <= _MAX_ID:
        raise BadRequest("Invalid resource ID")
    return resource_id, fields
