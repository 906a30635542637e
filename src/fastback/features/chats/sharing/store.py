"""Shares: a snapshot of a chat under an id of its own, and who may see it."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Database, Executor


class Share(msgspec.Struct):
    """A row of `shared_chat`."""

    id: str
    chat_id: str
    user_id: str
    title: str | None
    chat: msgspec.Raw
    created_at: int | None
    updated_at: int | None


_COLUMNS = "id, chat_id, user_id, title, chat, created_at, updated_at"


async def find_share(db: Executor, share_id: str) -> Share | None:
    return await db.fetch_first(Share, "shares.get", f"SELECT {_COLUMNS} FROM shared_chat WHERE id = :id", id=share_id)


class SharedChatTitle(msgspec.Struct):
    """An entry of the list of shares; it goes by the id of its chat."""

    id: str
    chat_id: str
    title: str
    share_id: str | None
    updated_at: int
    created_at: int


async def list_shares(
    db: Executor, user_id: str, *, query: str | None, order: str, page: int | None
) -> list[SharedChatTitle]:
    return await db.fetch_all(
        SharedChatTitle,
        "shares.of_user",
        f"""SELECT s.chat_id, s.chat_id, s.title, s.id, s.updated_at, s.created_at FROM shared_chat s
            WHERE s.user_id = :user_id AND (CAST(:query AS TEXT) IS NULL OR lower(s.title) LIKE :query)
            ORDER BY {order} LIMIT 60 OFFSET :skip""",
        user_id=user_id,
        query=f"%{query.lower()}%" if query else None,
        skip=(max(page or 1, 1) - 1) * 60,
    )


def _encode_snapshot(chat: msgspec.Raw, mode: str | None) -> str:
    document: dict[str, Any] = msgspec.json.decode(chat) or {}
    document["share_mode"] = mode
    return msgspec.json.encode(document).decode()


async def save_share(
    db: Database, *, chat_id: str, user_id: str, title: str, chat: msgspec.Raw, share_id: str | None, mode: str | None
) -> str:
    """Take a snapshot, into the share that exists or a new one; the share's id."""
    now = int(time.time())
    share_id = share_id or str(uuid.uuid4())
    async with db.transaction() as tx:
        await tx.execute(
            "shares.upsert",
            """INSERT INTO shared_chat (id, chat_id, user_id, title, chat, created_at, updated_at)
               VALUES (:id, :chat_id, :user_id, :title, :chat, :now, :now)
               ON CONFLICT (id) DO UPDATE SET title = excluded.title, chat = excluded.chat,
                   updated_at = excluded.updated_at""",
            id=share_id,
            chat_id=chat_id,
            user_id=user_id,
            title=title,
            chat=_encode_snapshot(chat, mode),
            now=now,
        )
        await tx.execute(
            "shares.mark", "UPDATE chat SET share_id = :share_id WHERE id = :id", id=chat_id, share_id=share_id
        )
    return share_id


async def find_share_mode(db: Executor, share_id: str) -> str | None:
    found = await db.fetch_value(
        "shares.mode", "SELECT chat ->> 'share_mode' FROM shared_chat WHERE id = :id", id=share_id
    )
    return None if found is None else str(found)


class _Source(msgspec.Struct):
    title: str
    chat: msgspec.Raw


async def set_share_mode(db: Database, share_id: str, mode: str | None) -> None:
    """Say whether readers may go on with the chat. Where they no longer may, the share shows it as they left it."""
    async with db.transaction() as tx:
        shared = await find_share(tx, share_id)
        if shared is None:
            return
        source = _Source(shared.title or "New Chat", shared.chat)
        if mode is None and await find_share_mode(tx, share_id) == "continue":
            text = "SELECT title, chat FROM chat WHERE id = :id"
            source = await tx.fetch_first(_Source, "shares.source", text, id=shared.chat_id) or source
        await tx.execute(
            "shares.set_mode",
            "UPDATE shared_chat SET chat = :chat, title = :title WHERE id = :id",
            id=share_id,
            chat=_encode_snapshot(source.chat, mode),
            title=source.title,
        )


async def delete_shares(db: Database, chat_ids: list[str]) -> None:
    """Take back the shares of chats, with everything granted on them."""
    async with db.transaction() as tx:
        await tx.execute("shares.delete", "DELETE FROM shared_chat WHERE chat_id = ANY(:ids)", ids=chat_ids)
        await tx.execute(
            "shares.delete_grants",
            "DELETE FROM access_grant WHERE resource_type = 'shared_chat' AND resource_id = ANY(:ids)",
            ids=chat_ids,
        )
        await tx.execute("shares.unmark", "UPDATE chat SET share_id = NULL WHERE id = ANY(:ids)", ids=chat_ids)


async def list_shared_chat_ids(db: Executor, user_id: str) -> list[str]:
    return await db.fetch_all(
        str, "shares.ids", "SELECT chat_id FROM shared_chat WHERE user_id = :user_id", user_id=user_id
    )


async def is_public(db: Executor, chat_id: str) -> bool:
    """Whether strangers may read a share."""
    text = """SELECT 1 FROM access_grant WHERE resource_type = 'shared_chat' AND resource_id = :id
              AND principal_type = 'anyone' AND permission = 'read'"""
    return bool(await db.fetch_value("shares.open", text, id=chat_id))
