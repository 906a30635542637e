"""Rows of `message`: messages of channels and their threads. Times are in nanoseconds."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback.kit.clock import clock
from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json

_COLUMNS = """m.id, m.user_id, m.app_id, m.channel_id, m.reply_to_id, m.parent_id, m.is_pinned, m.pinned_by,
    m.pinned_at, m.content, m.data, m.meta, m.created_at, m.updated_at, u.name, u.role"""
_FROM = 'FROM message m LEFT JOIN "user" u ON u.id = m.user_id'
#: A page is found by an index alone, however many messages are before it; then its messages are read.
_PAGE = f"""SELECT {_COLUMNS} FROM ({{ids}}) p JOIN message m ON m.id = p.id
    LEFT JOIN "user" u ON u.id = m.user_id ORDER BY {{order}}"""
_PAGE_ORDER, _ID_ORDER = "m.created_at DESC, m.id DESC", "x.created_at DESC, x.id DESC"
_REPLY_IDS = "SELECT x.id FROM message x WHERE x.channel_id = :channel_id AND x.parent_id = :parent_id"

FIND_MESSAGE = f"SELECT {_COLUMNS} {_FROM} WHERE m.id = :id"
LOAD_MESSAGES = f"SELECT {_COLUMNS} {_FROM} WHERE m.id = ANY(:ids)"
LIST_PAGE = _PAGE.format(
    ids=f"""SELECT x.id FROM message x WHERE x.channel_id = :channel_id AND x.parent_id IS NULL
        ORDER BY {_ID_ORDER} LIMIT :limit OFFSET :skip""",
    order=_PAGE_ORDER,
)
LIST_PAGE_BEFORE = _PAGE.format(
    ids=f"""SELECT x.id FROM message x WHERE x.channel_id = :channel_id AND x.parent_id IS NULL
        AND (x.created_at, x.id) < (:at, :id) ORDER BY {_ID_ORDER} LIMIT :limit""",
    order=_PAGE_ORDER,
)
LIST_REPLIES = _PAGE.format(ids=f"{_REPLY_IDS} ORDER BY {_ID_ORDER} LIMIT :limit OFFSET :skip", order=_PAGE_ORDER)
LIST_REPLIES_BEFORE = _PAGE.format(
    ids=f"{_REPLY_IDS} AND (x.created_at, x.id) < (:at, :id) ORDER BY {_ID_ORDER} LIMIT :limit", order=_PAGE_ORDER
)
COUNT_REPLIES_AFTER = f"""
    SELECT count(*) FROM ({_REPLY_IDS} AND (x.created_at, x.id) > (:at, :id)) newer"""
LIST_PINNED = _PAGE.format(
    ids="""SELECT x.id FROM message x WHERE x.channel_id = :channel_id AND x.is_pinned = TRUE
        ORDER BY x.pinned_at DESC, x.id DESC LIMIT :limit OFFSET :skip""",
    order="m.pinned_at DESC, m.id DESC",
)
COUNT_REPLIES = """
    SELECT parent_id, count(*), max(created_at) FROM message
    WHERE channel_id = :channel_id AND parent_id = ANY(:ids) GROUP BY parent_id"""
LIST_CHANNEL_IDS = "SELECT id, channel_id FROM message WHERE id = ANY(:ids)"
LOCK_MESSAGE = {
    "sqlite": "SELECT data, meta FROM message WHERE id = :id",
    "postgres": "SELECT data, meta FROM message WHERE id = :id FOR UPDATE",
}
INSERT_MESSAGE = """
    INSERT INTO message (id, user_id, channel_id, reply_to_id, parent_id, is_pinned, content, data, meta, created_at,
        updated_at)
    VALUES (:id, :user_id, :channel_id, :reply_to_id, :parent_id, FALSE, :content, :data, :meta, :now, :now)"""
UPDATE_MESSAGE = """
    UPDATE message SET content = :content, data = :data, meta = :meta, updated_at = :now WHERE id = :id"""
#: Only where no other process has ended the answer, which locks the message before.
UPDATE_UNFINISHED = f"""{UPDATE_MESSAGE}
    AND EXISTS (SELECT 1 FROM fastback_channel_answer a WHERE a.message_id = :id)"""
SET_PINNED = """
    UPDATE message SET is_pinned = :is_pinned, pinned_at = :pinned_at, pinned_by = :pinned_by WHERE id = :id"""
LINK_FILES = """
    UPDATE channel_file SET message_id = :message_id, updated_at = :now
    WHERE channel_id = :channel_id AND file_id = ANY(:file_ids)"""

#: A message and the replies in its thread.
_WITH_REPLIES = """SELECT m.id FROM message m WHERE m.id = :id
        UNION ALL SELECT r.id FROM message r WHERE r.channel_id = :channel_id AND r.parent_id = :id"""
DELETE_LINKS = f"DELETE FROM channel_file WHERE channel_id = :channel_id AND message_id IN ({_WITH_REPLIES})"
DELETE_REACTIONS = f"DELETE FROM message_reaction WHERE message_id IN ({_WITH_REPLIES})"
DELETE_MESSAGES = f"DELETE FROM message WHERE id IN ({_WITH_REPLIES})"


class MessageRow(msgspec.Struct):
    """A row of `message`, with the name and the role of the user who wrote it."""

    id: str
    user_id: str | None
    app_id: str | None
    channel_id: str | None
    reply_to_id: str | None
    parent_id: str | None
    is_pinned: bool
    pinned_by: str | None
    pinned_at: int | None
    content: str | None
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int
    user_name: str | None
    user_role: str | None


class ReplyCount(msgspec.Struct):
    """The number of replies in a thread, and the time of the last one."""

    parent_id: str
    count: int
    latest_at: int | None


class MessageChannel(msgspec.Struct):
    """The channel of a message."""

    id: str
    channel_id: str | None


class _JsonColumns(msgspec.Struct):
    data: msgspec.Raw
    meta: msgspec.Raw


async def find_message(db: Executor, message_id: str) -> MessageRow | None:
    """Return a message, or None."""
    return await db.fetch_first(MessageRow, "channel_messages.find", FIND_MESSAGE, id=message_id)


async def load_messages(db: Executor, message_ids: list[str]) -> dict[str, MessageRow]:
    """Return messages by id; missing ones are absent."""
    if not message_ids:
        return {}
    rows = await db.fetch_all(MessageRow, "channel_messages.load", LOAD_MESSAGES, ids=message_ids)
    return {row.id: row for row in rows}


async def list_page(db: Executor, channel_id: str, *, skip: int, limit: int) -> list[MessageRow]:
    """Return messages of a channel that are no replies in threads, newest first."""
    return await db.fetch_all(
        MessageRow, "channel_messages.list_page", LIST_PAGE, channel_id=channel_id, skip=skip, limit=limit
    )


async def list_page_before(db: Executor, anchor: MessageRow, *, limit: int) -> list[MessageRow]:
    """Return messages of a channel that are no replies in threads and older than a message, newest first."""
    return await db.fetch_all(
        MessageRow,
        "channel_messages.list_page_before",
        LIST_PAGE_BEFORE,
        channel_id=anchor.channel_id,
        at=anchor.created_at,
        id=anchor.id,
        limit=limit,
    )


async def list_replies(db: Executor, channel_id: str, parent_id: str, *, skip: int, limit: int) -> list[MessageRow]:
    """Return replies in a thread, newest first."""
    return await db.fetch_all(
        MessageRow,
        "channel_messages.list_replies",
        LIST_REPLIES,
        channel_id=channel_id,
        parent_id=parent_id,
        skip=skip,
        limit=limit,
    )


async def list_replies_before(db: Executor, anchor: MessageRow, parent_id: str, *, limit: int) -> list[MessageRow]:
    """Return replies in a thread that are older than a message, newest first."""
    return await db.fetch_all(
        MessageRow,
        "channel_messages.list_replies_before",
        LIST_REPLIES_BEFORE,
        channel_id=anchor.channel_id,
        parent_id=parent_id,
        at=anchor.created_at,
        id=anchor.id,
        limit=limit,
    )


async def count_replies_after(db: Executor, anchor: MessageRow, parent_id: str) -> int:
    """Count the replies in a thread that are newer than a message."""
    count = await db.fetch_value(
        "channel_messages.count_replies_after",
        COUNT_REPLIES_AFTER,
        channel_id=anchor.channel_id,
        parent_id=parent_id,
        at=anchor.created_at,
        id=anchor.id,
    )
    return int(count or 0)


async def list_pinned(db: Executor, channel_id: str, *, skip: int, limit: int) -> list[MessageRow]:
    """Return pinned messages of a channel, last pinned first."""
    return await db.fetch_all(
        MessageRow, "channel_messages.list_pinned", LIST_PINNED, channel_id=channel_id, skip=skip, limit=limit
    )


async def count_replies(db: Executor, channel_id: str, message_ids: list[str]) -> dict[str, ReplyCount]:
    """Return the figures of threads by their parent; messages without replies are absent."""
    rows = await db.fetch_all(
        ReplyCount, "channel_messages.count_replies", COUNT_REPLIES, channel_id=channel_id, ids=message_ids
    )
    return {row.parent_id: row for row in rows}


async def list_channel_ids(db: Executor, message_ids: list[str]) -> dict[str, str | None]:
    """Return the channels of messages by the ids of the messages; missing ones are absent."""
    rows = await db.fetch_all(MessageChannel, "channel_messages.list_channel_ids", LIST_CHANNEL_IDS, ids=message_ids)
    return {row.id: row.channel_id for row in rows}


async def insert_message(
    db: Executor,
    channel_id: str,
    user_id: str,
    content: str,
    *,
    parent_id: str | None = None,
    reply_to_id: str | None = None,
    data: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
) -> str:
    """Insert a message, and return its id."""
    message_id = str(uuid.uuid4())
    await db.execute(
        "channel_messages.insert",
        INSERT_MESSAGE,
        id=message_id,
        user_id=user_id,
        channel_id=channel_id,
        reply_to_id=reply_to_id,
        parent_id=parent_id,
        content=content,
        data=encode_json(data),
        meta=encode_json(meta),
        now=clock.time_ns(),
    )
    return message_id


async def change_message(
    tx: Executor,
    message_id: str,
    content: str,
    data: dict[str, Any] | None,
    meta: dict[str, Any] | None = None,
    *,
    is_unfinished: bool = False,
) -> bool:
    """Replace the content of a message, merge `data` and `meta` into the stored ones by key; return whether it exists.

    Other keys stay as they are stored, undecoded. With `is_unfinished` the message must be one that a model's answer is
    being written to.
    """
    stored = await tx.fetch_first(_JsonColumns, "channel_messages.lock", LOCK_MESSAGE[tx.dialect], id=message_id)
    if stored is None:
        return False
    values = {
        "id": message_id,
        "content": content,
        "data": encode_json({**_decode_object(stored.data), **(data or {})}),
        "meta": encode_json({**_decode_object(stored.meta), **(meta or {})}),
        "now": clock.time_ns(),
    }
    if is_unfinished:
        return await tx.execute("channel_messages.update_unfinished", UPDATE_UNFINISHED, **values) > 0
    return await tx.execute("channel_messages.update", UPDATE_MESSAGE, **values) > 0


def _decode_object(value: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the fields of a stored object, undecoded; none of anything else."""
    try:
        return msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return {}


async def set_pinned(db: Executor, message_id: str, user_id: str, *, is_pinned: bool) -> None:
    """Pin or unpin a message."""
    await db.execute(
        "channel_messages.set_pinned",
        SET_PINNED,
        id=message_id,
        is_pinned=is_pinned,
        pinned_at=clock.time_ns() if is_pinned else None,
        pinned_by=user_id if is_pinned else None,
    )


async def link_files(db: Executor, channel_id: str, message_id: str, file_ids: list[str]) -> None:
    """Note which message shows files that were uploaded into a channel."""
    now = int(clock.time())
    await db.execute(
        "channel_messages.link_files",
        LINK_FILES,
        channel_id=channel_id,
        message_id=message_id,
        file_ids=file_ids,
        now=now,
    )


async def delete_message(tx: Executor, channel_id: str, message_id: str) -> None:
    """Delete a message, the replies in its thread, and what belongs to them."""
    params = {"channel_id": channel_id, "id": message_id}
    await tx.execute("channel_messages.delete_links", DELETE_LINKS, **params)
    await tx.execute("channel_messages.delete_reactions", DELETE_REACTIONS, **params)
    await tx.execute("channel_messages.delete", DELETE_MESSAGES, **params)
