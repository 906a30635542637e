"""Messages of channels: post, change, pin and delete them, and show that to the pages of the channel."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import msgspec

from fastback import messages as texts
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.features.channels.events import MessagePosted, MessageWritten, RepliesDeleted, RoomMessage
from fastback.features.channels.members import store as member_store
from fastback.features.channels.members.service import MemberService
from fastback.features.channels.messages import answer_store, app_message_store, reaction_store, store
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.responses import Author, FullMessage
from fastback.features.channels.messages.schemas import MAX_REACTIONS, MessageForm
from fastback.features.channels.messages.store import MessageRow
from fastback.features.channels.messages.stored_data import list_file_ids, summarize_data
from fastback.features.channels.service import ChannelService
from fastback.features.channels.store import Channel
from fastback.features.channels.webhooks import store as webhook_store
from fastback.features.channels.webhooks.store import Webhook
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound
from fastback.providers.request_context import RequestContext

#: Characters of a message that events of webhooks show.
PREVIEW_LENGTH = 300
#: Replies of a deleted message that apps hear of.
MAX_ANNOUNCED_REPLIES = 1000

Json = dict[str, Any]


class MessageService:
    """Write messages. Whether the user may is checked by the caller."""

    def __init__(
        self, *, db: Database, channels: ChannelService, members: MemberService, reader: MessageReader, bus: Bus
    ) -> None:
        self._db = db
        self._channels = channels
        self._members = members
        self._reader = reader
        self._bus = bus

    # -- posting ---------------------------------------------------------------------------------------------------

    async def post_message(
        self, channel: Channel, user: User, form: MessageForm, *, meta: Json | None = None, is_answer: bool = False
    ) -> FullMessage:
        """Post a message of a user, or of a model that answers a user, and show it in the channel.

        `meta` says which model wrote it; users write none. `is_answer`: the model's answer will be written to it.

        Raises:
            BadRequest: the message that it replies to is in another channel, or was deleted.
        """
        await self._require_references(channel, form)
        await self._members.join_channel(channel.id, user.id)
        async with self._db.transaction() if is_answer else nullcontext(self._db) as db:
            message_id = await store.insert_message(
                db,
                channel.id,
                user.id,
                form.content,
                parent_id=form.parent_id or None,
                reply_to_id=form.reply_to_id or None,
                data=form.data,
                meta=meta,
            )
            if is_answer:
                await answer_store.insert_answer(db, message_id, channel.id)
        if file_ids := list_file_ids(form.data):
            await store.link_files(self._db, channel.id, message_id, file_ids)
        if channel.has_members:
            await member_store.activate_all(self._db, channel.id)
        message = await self.load_message(message_id)
        author = Author(user.id, user.name, user.role)
        await self.send(channel, "message", message, author, {"temp_id": form.temp_id})
        await self.send_thread(channel, message.parent_id, author)
        await self._bus.publish(MessageWritten("created", message))
        return message

    async def post_webhook_message(self, channel: Channel, webhook: Webhook, content: str) -> FullMessage:
        """Post a message of a webhook, and show it in the channel."""
        message_id = await store.insert_message(
            self._db, channel.id, webhook.user_id, content, meta={"webhook": {"id": webhook.id}}
        )
        await webhook_store.mark_used(self._db, webhook.id)
        message = await self.load_message(message_id)
        await self.send(channel, "message", message, Author(webhook.id, webhook.name, "webhook"))
        await self._bus.publish(MessageWritten("created", message))
        return message

    async def announce_post(self, channel: Channel, message: FullMessage, ctx: RequestContext) -> None:
        """Publish that a user posted a message: models and apps answer it, and absent members are notified."""
        await self._bus.publish(MessagePosted(channel, message, ctx))
        preview = message.content[:PREVIEW_LENGTH]
        await self._publish(
            ctx.requester, "message.created", message.id, channel_id=channel.id, content_preview=preview
        )

    async def _require_references(self, channel: Channel, form: MessageForm) -> None:
        """Check that the thread and the quoted message of a new message are in its channel.

        Raises:
            BadRequest: they are not.
        """
        references = [message_id for message_id in (form.parent_id, form.reply_to_id) if message_id]
        if not references:
            return
        channel_ids = await store.list_channel_ids(self._db, references)
        if any(channel_ids.get(message_id) != channel.id for message_id in references):
            raise BadRequest(texts.SOMETHING_WRONG)

    async def load_message(self, message_id: str) -> FullMessage:
        """Return a message.

        Raises:
            NotFound: it was deleted.
        """
        message = await self._reader.find_message(message_id)
        if message is None:
            raise NotFound()
        return message

    # -- changes ---------------------------------------------------------------------------------------------------

    async def update_message(self, channel: Channel, user: User, row: MessageRow, form: MessageForm) -> FullMessage:
        """Replace the content of a message, and merge its data into the stored ones.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        async with self._db.transaction() as tx:
            await store.change_message(tx, row.id, form.content, form.data)
        message = await self.load_message(row.id)
        await self.send(channel, "message:update", message, Author(user.id, user.name, user.role))
        await self._bus.publish(MessageWritten("updated", message))
        preview = form.content[:PREVIEW_LENGTH]
        await self._publish(user, "message.updated", row.id, channel_id=channel.id, content_preview=preview)
        return message

    async def pin_message(self, channel: Channel, user: User, row: MessageRow, *, is_pinned: bool) -> FullMessage:
        """Pin or unpin a message, and return it as lists show it.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        await store.set_pinned(self._db, row.id, user.id, is_pinned=is_pinned)
        message = await self.load_message(row.id)
        message.data = summarize_data(message.data, message.app_id)
        await self.send(channel, "message:update", message, Author(user.id, user.name, user.role))
        event = ActivityEvent(
            "message.pinned" if is_pinned else "message.unpinned",
            user,
            row.id,
            "message",
            {"channel_id": channel.id},
        )
        await self._bus.publish(event)
        return message

    async def delete_message(self, channel: Channel, user: User, row: MessageRow) -> None:
        """Delete a message and the replies in its thread."""
        message = await self._reader.describe(row)
        async with self._db.transaction(long=True) as tx:
            replies = await app_message_store.list_reply_heads(tx, channel.id, row.id, limit=MAX_ANNOUNCED_REPLIES)
            await store.delete_message(tx, channel.id, row.id)
        author = Author(user.id, user.name, user.role)
        await self.send(channel, "message:delete", message, author, {"user": author})
        await self.send_thread(channel, row.parent_id, author)
        await self._bus.publish(MessageWritten("deleted", message))
        if replies:
            await self._bus.publish(RepliesDeleted(channel.id, replies))
        await self._publish(user, "message.deleted", row.id, channel_id=channel.id)

    # -- reactions -------------------------------------------------------------------------------------------------

    async def add_reaction(self, channel: Channel, user: User, row: MessageRow, name: str) -> None:
        """Add a reaction to a message; the same one again changes nothing.

        Raises:
            BadRequest: the user has too many reactions to this message. NotFound: it was deleted meanwhile.
        """
        async with self._db.transaction() as tx:
            names = await reaction_store.list_names_of_user(tx, row.id, user.id)
            if name not in names:
                if len(names) >= MAX_REACTIONS:
                    raise BadRequest("Too many reactions to this message.")
                await reaction_store.insert_reaction(tx, row.id, user.id, name)
        await self._send_reaction(channel, user, row.id, name, "add")
        await self._publish(user, "message.reaction_added", row.id, channel_id=channel.id, reaction=name)

    async def remove_reaction(self, channel: Channel, user: User, row: MessageRow, name: str) -> None:
        """Remove a reaction of the user from a message, if there is one.

        Raises:
            NotFound: the message was deleted meanwhile.
        """
        await reaction_store.delete_reaction(self._db, row.id, user.id, name)
        await self._send_reaction(channel, user, row.id, name, "remove")
        await self._publish(user, "message.reaction_removed", row.id, channel_id=channel.id, reaction=name)

    async def _send_reaction(self, channel: Channel, user: User, message_id: str, name: str, change: str) -> None:
        message = await self.load_message(message_id)
        author = Author(user.id, user.name, user.role)
        await self.send(channel, f"message:reaction:{change}", message, author, {"name": name})

    # -- socket messages -------------------------------------------------------------------------------------------

    async def send(
        self, channel: Channel, kind: str, message: FullMessage, author: Author, more: Json | None = None
    ) -> None:
        """Show a message in the channel, with `more` fields; `author` is who acts."""
        data = {
            "channel_id": channel.id,
            "message_id": message.id,
            "data": {"type": kind, "data": {**msgspec.structs.asdict(message), **(more or {})}},
            "user": author,
            "channel": await self._channels.describe_channel(channel),
        }
        await self._bus.publish(RoomMessage(channel.id, data))

    async def send_thread(self, channel: Channel, parent_id: str | None, author: Author) -> None:
        """Show the new figures of a thread in the channel; nothing where the message is in none."""
        parent = await self._reader.find_message(parent_id) if parent_id else None
        if parent is not None:
            await self.send(channel, "message:reply", parent, author)

    async def _publish(self, user: User, event: str, message_id: str, **data: Any) -> None:
        await self._bus.publish(ActivityEvent(event, user, message_id, data=data))
