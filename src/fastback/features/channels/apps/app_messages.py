"""Messages that apps write: posted into a channel, and changed by the app alone."""

from __future__ import annotations

import re

from fastback.features.apps.access import require_scope
from fastback.features.apps.schemas import App
from fastback.features.channels.apps.access import AppChannelAccess
from fastback.features.channels.apps.schemas import AppMessage
from fastback.features.channels.events import MessageWritten
from fastback.features.channels.messages import app_message_store, store
from fastback.features.channels.messages.responses import Author, FullMessage
from fastback.features.channels.messages.service import MessageService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, HttpError, NotFound

_WRITE = "channels:messages:write"
_ETAG = re.compile(r"[0-9]{1,30}")


class AppMessages:
    """Write messages of apps, and show them in their channels."""

    def __init__(self, *, db: Database, access: AppChannelAccess, messages: MessageService, bus: Bus) -> None:
        self._db = db
        self._access = access
        self._messages = messages
        self._bus = bus

    async def post_message(self, app: App, channel_id: str, form: AppMessage) -> FullMessage:
        """Post a message of an app.

        Raises:
            Forbidden, NotFound: the app may not. BadRequest: what it replies to is in another channel.
        """
        channel = await self._access.get_joined_channel(app, channel_id)
        require_scope(app, _WRITE)
        references = [message_id for message_id in (form.parent_id, form.reply_to_id) if message_id]
        channel_ids = await store.list_channel_ids(self._db, references) if references else {}
        if any(channel_ids.get(message_id) != channel_id for message_id in references):
            raise BadRequest("Invalid message reference")
        message_id = await app_message_store.insert_message(
            self._db,
            channel_id,
            app.id,
            form.content,
            data=form.data,
            parent_id=form.parent_id or None,
            reply_to_id=form.reply_to_id or None,
        )
        message = await self._messages.load_message(message_id)
        author = Author(app.id, app.name, "app")
        await self._messages.send(channel, "message", message, author)
        await self._messages.send_thread(channel, message.parent_id, author)
        await self._bus.publish(MessageWritten("created", message))
        return message

    async def update_message(self, app: App, message_id: str, form: AppMessage, etag: object) -> FullMessage:
        """Replace a message of an app, which knows the version `etag` of it.

        Raises:
            Forbidden, NotFound: the app may not. HttpError 412: the message was changed meanwhile. BadRequest: the
            version is missing.
        """
        if not isinstance(etag, str) or not _ETAG.fullmatch(etag):
            raise BadRequest("If-Match is required")
        row = await store.find_message(self._db, message_id)
        if row is None or row.app_id != app.id:
            raise NotFound("App message not found")
        channel = await self._access.get_joined_channel(app, row.channel_id or "")
        require_scope(app, _WRITE)
        is_current = etag == str(row.updated_at)
        if not is_current or not await app_message_store.replace_message(self._db, row, form.content, form.data):
            raise HttpError(412, "Message changed")
        message = await self._messages.load_message(message_id)
        await self._messages.send(channel, "message:update", message, Author(app.id, app.name, "app"))
        await self._bus.publish(MessageWritten("updated", message))
        return message
