"""Rows of `shared_chat`: snapshots of chats under ids of their own, and the grants on them."""

from __future__ import annotations

import uuid

import msgspec

from fastback.features.chats import fragments
from fastback.features.chats.document import Document
from fastback.features.chats.store import complete_document
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor, Transaction, large_column
from fastback.kit.db.large_column import LargeColumn
from fastback.kit.large_json import LARGE_SIZE


class Share(msgspec.Struct):
    """A snapshot of a chat."""

    id: str
    chat_id: str
    user_id: str
    title: str | None
    chat: msgspec.Raw
    created_at: int | None
    updated_at: int | None


class SharedChatTitle(msgspec.Struct):
    """An entry of the list of shared chats; its id is that of the chat."""

    id: str
    chat_id: str
    title: str
    share_id: str | None
    updated_at: int
    created_at: int


class _Source(msgspec.Struct):
    title: str
    chat: msgspec.Raw


#: Shares on a page.
PAGE_SIZE = 60

#: The snapshot of a share.
SNAPSHOT = LargeColumn("shared_chat", "chat")
FIND_SHARE = {
    dialect: f"""SELECT id, chat_id, user_id, title, {snapshot} AS chat, created_at, updated_at
        FROM shared_chat WHERE id = :id"""
    for dialect, snapshot in SNAPSHOT.build_small_only().items()
}
_SHARES_OF_USER = """SELECT s.chat_id AS id, s.chat_id, s.title, s.id, s.updated_at, s.created_at FROM shared_chat s
    WHERE s.user_id = :user_id AND (CAST(:query AS TEXT) IS NULL OR lower(s.title) LIKE :query)"""
#: The lists of shares by (column, direction).
_LISTS = {
    (column, direction): f"{_SHARES_OF_USER} ORDER BY s.{column} {direction}, s.id LIMIT :size OFFSET :skip"
    for column in ("title", "created_at", "updated_at")
    for direction in ("ASC", "DESC")
}
UPSERT_SHARE = """INSERT INTO shared_chat (id, chat_id, user_id, title, chat, created_at, updated_at)
    VALUES (:id, :chat_id, :user_id, :title, :chat, :now, :now)
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, chat = excluded.chat, updated_at = excluded.updated_at"""
SET_SHARE_ID = "UPDATE chat SET share_id = :share_id WHERE id = :id"
FIND_SOURCE = {
    dialect: f"SELECT title, {document} AS chat FROM chat WHERE id = :id"
    for dialect, document in fragments.SMALL_DOCUMENT.items()
}
UPDATE_SNAPSHOT = "UPDATE shared_chat SET chat = :chat, title = :title WHERE id = :id"
DELETE_SHARES = "DELETE FROM shared_chat WHERE chat_id = ANY(:ids)"
DELETE_GRANTS = "DELETE FROM access_grant WHERE resource_type = 'shared_chat' AND resource_id = ANY(:ids)"
CLEAR_SHARE_IDS = "UPDATE chat SET share_id = NULL WHERE id = ANY(:ids)"
LIST_SHARED_CHAT_IDS = "SELECT chat_id FROM shared_chat WHERE user_id = :user_id"
IS_PUBLIC = """SELECT 1 FROM access_grant WHERE resource_type = 'shared_chat' AND resource_id = :id
    AND principal_type = 'anyone' AND permission = 'read'"""


async def _build_snapshot(db: Database, chat: msgspec.Raw, mode: str | None) -> msgspec.Raw:
    document = await Document.load(db, chat)
    document.set_field("share_mode", mode)
    return await document.encode_raw()


async def find_share(db: Database, share_id: str) -> Share | None:
    """Return a share, or None."""
    share = await large_column.fetch_row(db, SNAPSHOT, Share, "shares.find", FIND_SHARE[db.dialect], id=share_id)
    return await _add_large_snapshot(db, share)


async def _lock_share(tx: Transaction, share_id: str) -> Share | None:
    share = await tx.fetch_first(Share, "shares.lock", FIND_SHARE[tx.dialect], id=share_id)
    return await _add_large_snapshot(tx, share)


async def _add_large_snapshot(db: Executor, share: Share | None) -> Share | None:
    if share is not None and bytes(memoryview(share.chat)[:5]) == b"null":
        large = await large_column.fetch_large(db, SNAPSHOT, share.id)
        share.chat = share.chat if large is None else msgspec.Raw(large)
    return share


async def list_shares(
    db: Executor, user_id: str, *, query: str | None, order_by: str | None, direction: str | None, page: int | None
) -> list[SharedChatTitle]:
    """Return a user's shares whose title contains the query, 60 a page, pages counted from 1.

    `order_by` is `title`, `created_at` or (any other value) `updated_at`; the direction is descending unless `asc`.
    """
    column = order_by if order_by in ("title", "created_at") else "updated_at"
    return await db.fetch_all(
        SharedChatTitle,
        "shares.list",
        _LISTS[column, "ASC" if direction == "asc" else "DESC"],
        user_id=user_id,
        query=f"%{query.lower()}%" if query else None,
        size=PAGE_SIZE,
        skip=(max(page or 1, 1) - 1) * PAGE_SIZE,
    )


async def list_shared_chat_ids(db: Executor, user_id: str) -> list[str]:
    """Return the ids of the chats that a user shares."""
    return await db.fetch_all(str, "shares.list_chat_ids", LIST_SHARED_CHAT_IDS, user_id=user_id)


async def find_share_mode(db: Database, share_id: str) -> str | None:
    """Return `continue` if readers may continue the shared chat, else None."""
    share = await find_share(db, share_id)
    return None if share is None else await read_share_mode(db, share)


async def read_share_mode(db: Database, share: Share) -> str | None:
    """Return `continue` if readers may continue the shared chat, else None."""
    mode = (await Document.load(db, share.chat)).get_field("share_mode")
    return mode if isinstance(mode, str) else None


async def is_public(db: Executor, chat_id: str) -> bool:
    """Return whether users who are not signed in may read a shared chat."""
    return bool(await db.fetch_value("shares.is_public", IS_PUBLIC, id=chat_id))


async def save_share(
    db: Database, *, chat_id: str, user_id: str, title: str, chat: msgspec.Raw, share_id: str | None, mode: str | None
) -> str:
    """Store a snapshot of a chat in its existing share or in a new one, and return the share's id."""
    share_id = share_id or str(uuid.uuid4())
    snapshot = await _build_snapshot(db, chat, mode)
    size = len(memoryview(snapshot))
    is_long = size > LARGE_SIZE or await large_column.is_large(db, fragments.DOCUMENT, chat_id)
    async with db.transaction(long=is_long) as tx:
        await tx.execute(
            "shares.upsert",
            UPSERT_SHARE,
            id=share_id,
            chat_id=chat_id,
            user_id=user_id,
            title=title,
            chat="{}" if size > LARGE_SIZE else bytes(snapshot).decode(),
            now=int(clock.time()),
        )
        if size > LARGE_SIZE:
            await large_column.write_large(tx, SNAPSHOT, share_id, [snapshot])
        await tx.execute("shares.set_share_id", SET_SHARE_ID, id=chat_id, share_id=share_id)
    return share_id


async def set_share_mode(db: Database, share_id: str, mode: str | None) -> None:
    """Set whether readers may continue the chat; when they no longer may, the share becomes the chat's last state."""
    async with db.transaction(long=await large_column.is_large(db, SNAPSHOT, share_id)) as tx:
        share = await _lock_share(tx, share_id)
        if share is None:
            return
        source = _Source(share.title or "New Chat", share.chat)
        if mode is None and await read_share_mode(db, share) == "continue":
            source = await _find_source(tx, share.chat_id) or source
        snapshot = await _build_snapshot(db, source.chat, mode)
        is_large = len(memoryview(snapshot)) > LARGE_SIZE
        text = "{}" if is_large else bytes(snapshot).decode()
        await tx.execute("shares.update_snapshot", UPDATE_SNAPSHOT, id=share_id, chat=text, title=source.title)
        if is_large:
            await large_column.write_large(tx, SNAPSHOT, share_id, [snapshot])


async def _find_source(tx: Transaction, chat_id: str) -> _Source | None:
    source = await tx.fetch_first(_Source, "shares.find_source", FIND_SOURCE[tx.dialect], id=chat_id)
    if source is not None:
        source.chat = await complete_document(tx, chat_id, source.chat)
    return source


async def delete_shares(db: Database, chat_ids: list[str]) -> None:
    """Delete the shares of chats, with the grants on them."""
    # A snapshot may be larger than its chat is now.
    async with db.transaction(long=True) as tx:
        await tx.execute("shares.delete", DELETE_SHARES, ids=chat_ids)
        await tx.execute("shares.delete_grants", DELETE_GRANTS, ids=chat_ids)
        await tx.execute("shares.clear_share_ids", CLEAR_SHARE_IDS, ids=chat_ids)
