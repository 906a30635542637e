"""`/api/v1/channels/{id}/messages`: the messages of a channel: read, post, change, pin, delete and react to them."""

from __future__ import annotations

from starlette.requests import Request

from fastback import messages as texts
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.members.service import MemberService
from fastback.features.channels.messages import store
from fastback.features.channels.messages.reader import MessageReader, describe_plainly
from fastback.features.channels.messages.responses import FullMessage, PinnedMessage, PlainMessage
from fastback.features.channels.messages.schemas import MessageForm, PinForm, ReactionForm
from fastback.features.channels.messages.service import MessageService
from fastback.features.channels.messages.store import MessageRow
from fastback.features.channels.store import Channel
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, JsonBytes, NotFound, Router
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/channels/{id}/messages")

#: Messages of a page: of a channel and of a thread at most, and of pinned ones.
MAX_PAGE, MAX_THREAD_PAGE, PINNED_PAGE = 1000, 100, 20
#: The most that a list skips; what would follow is empty.
_MAX_SKIP = 2**40


def _limit_skip(skip: int) -> int:
    return min(max(skip, 0), _MAX_SKIP)


async def _get_message(db: Database, channel: Channel, message_id: str) -> MessageRow:
    """Return a message of a channel.

    Raises:
        NotFound: there is no such message. BadRequest: it is in another channel.
    """
    row = await store.find_message(db, message_id)
    if row is None:
        raise NotFound()
    if row.channel_id != channel.id:
        raise BadRequest(texts.SOMETHING_WRONG)
    return row


async def _get_own_message(
    access: ChannelAccess, db: Database, channel: Channel, user: User, message_id: str
) -> MessageRow:
    """Return a message that a user wrote, or any message for an administrator, in a channel that the user writes to.

    Raises:
        NotFound, BadRequest: see `_get_message`. Forbidden: the user may not write to the channel, or did not write it.
    """
    row = await _get_message(db, channel, message_id)
    await access.require_allowed(channel, user, "write")
    if not user.is_admin and row.user_id != user.id:
        raise Forbidden(texts.SOMETHING_WRONG)
    return row


@router.get("")
async def list_messages(
    id: str,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    members: MemberService,
    reader: MessageReader,
    skip: int = 0,
    limit: int = 50,
) -> list[FullMessage]:
    """List messages of a channel, newest first. The reader of a standard channel becomes a member."""
    channel = await access.get_permitted_channel(id, user, "read")
    if not channel.has_members:
        await members.join_channel(channel.id, user.id)
    rows = await store.list_page(db, channel.id, skip=_limit_skip(skip), limit=min(max(limit, 0), MAX_PAGE))
    return await reader.list_messages(rows, with_threads=True)


@router.get("/pinned")
async def list_pinned_messages(
    id: str, user: VerifiedUser, db: Database, access: ChannelAccess, reader: MessageReader, page: int = 1
) -> list[PinnedMessage]:
    """List pinned messages of a channel, last pinned first."""
    channel = await access.get_permitted_channel(id, user, "read")
    skip = _limit_skip((max(page, 1) - 1) * PINNED_PAGE)
    return await reader.list_pinned(await store.list_pinned(db, channel.id, skip=skip, limit=PINNED_PAGE))


@router.post("/post")
async def post_message(
    id: str,
    data: MessageForm,
    request: Request,
    user: VerifiedUser,
    access: ChannelAccess,
    messages: MessageService,
) -> PlainMessage:
    """Post a message."""
    channel = await access.get_permitted_channel(id, user, "write")
    message = await messages.post_message(channel, user, data)
    await messages.announce_post(channel, message, build_request_context(request, user))
    return describe_plainly(message)


@router.get("/{message_id}")
async def get_message(
    id: str, message_id: str, user: VerifiedUser, db: Database, access: ChannelAccess, reader: MessageReader
) -> FullMessage:
    """Return a message."""
    channel = await access.get_permitted_channel(id, user, "read")
    return await reader.describe(await _get_message(db, channel, message_id))


@router.get("/{message_id}/data")
async def get_message_data(
    id: str, message_id: str, user: VerifiedUser, db: Database, access: ChannelAccess
) -> JsonBytes:
    """Return the data of a message: its files, or the output of a model."""
    channel = await access.get_permitted_channel(id, user, "read")
    return JsonBytes(bytes((await _get_message(db, channel, message_id)).data))


@router.get("/{message_id}/thread")
async def list_thread(
    id: str,
    message_id: str,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    reader: MessageReader,
    skip: int = 0,
    limit: int = 50,
    around: str | None = None,
    before: str | None = None,
) -> list[FullMessage]:
    """List replies in a thread, newest first; its first message follows the oldest reply.

    `before` names the message whose predecessors are listed, `around` one among those that are.
    """
    channel = await access.get_permitted_channel(id, user, "read")
    parent = await store.find_message(db, message_id)
    if parent is None or parent.channel_id != channel.id:
        return []
    limit = min(max(limit, 1), MAX_THREAD_PAGE)
    anchor_id = before or around  # the page sends an empty `around` where it has searched for no message
    if not anchor_id:
        rows = await store.list_replies(db, channel.id, parent.id, skip=_limit_skip(skip), limit=limit)
    else:
        anchor = await store.find_message(db, anchor_id)
        if anchor is None or anchor.channel_id != channel.id or parent.id not in (anchor.id, anchor.parent_id):
            return []
        if before:
            rows = await store.list_replies_before(db, anchor, parent.id, limit=limit)
        else:
            newer = await store.count_replies_after(db, anchor, parent.id)
            rows = await store.list_replies(db, channel.id, parent.id, skip=max(0, newer - 10), limit=limit)
    if len(rows) < limit:
        rows.append(parent)
    return await reader.list_messages(rows, with_threads=False)


@router.post("/{message_id}/update")
async def update_message(
    id: str,
    message_id: str,
    data: MessageForm,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    messages: MessageService,
) -> PlainMessage:
    """Change a message of the user."""
    channel = await access.get_channel(id, user)
    row = await _get_own_message(access, db, channel, user, message_id)
    message = await messages.update_message(channel, user, row, data)
    return describe_plainly(message)


@router.post("/{message_id}/pin")
async def pin_message(
    id: str,
    message_id: str,
    data: PinForm,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    messages: MessageService,
) -> FullMessage:
    """Pin or unpin a message."""
    channel = await access.get_permitted_channel(id, user, "write")
    row = await _get_message(db, channel, message_id)
    return await messages.pin_message(channel, user, row, is_pinned=data.is_pinned)


@router.post("/{message_id}/reactions/add")
async def add_reaction(
    id: str,
    message_id: str,
    data: ReactionForm,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    messages: MessageService,
) -> bool:
    """React to a message with an emoji."""
    channel = await access.get_permitted_channel(id, user, "write")
    await messages.add_reaction(channel, user, await _get_message(db, channel, message_id), data.name)
    return True


@router.post("/{message_id}/reactions/remove")
async def remove_reaction(
    id: str,
    message_id: str,
    data: ReactionForm,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    messages: MessageService,
) -> bool:
    """Take back a reaction of the user to a message."""
    channel = await access.get_permitted_channel(id, user, "write")
    await messages.remove_reaction(channel, user, await _get_message(db, channel, message_id), data.name)
    return True


@router.delete("/{message_id}/delete")
async def delete_message(
    id: str, message_id: str, user: VerifiedUser, db: Database, access: ChannelAccess, messages: MessageService
) -> bool:
    """Delete a message of the user, with the replies in its thread."""
    channel = await access.get_channel(id, user)
    await messages.delete_message(channel, user, await _get_own_message(access, db, channel, user, message_id))
    return True
