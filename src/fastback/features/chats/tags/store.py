"""Tags of chats: ids in `chat.meta.tags`, names in the table `tag`, one row a user and tag."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database, Executor


class Tag(msgspec.Struct):
    id: str
    name: str
    user_id: str
    meta: dict[str, Any] | None = None


def make_tag_id(name: str) -> str:
    """The id of a tag: its name in small letters, with underscores for spaces."""
    return name.replace(" ", "_").lower()


class _MetaRow(msgspec.Struct):
    meta: msgspec.Raw


class _OwnedMeta(msgspec.Struct):
    user_id: str
    meta: dict[str, Any] | None


async def _find_meta(db: Executor, chat_id: str, *, lock: bool = False) -> _OwnedMeta | None:
    """`lock`: within a transaction, so that nobody else changes it until that has ended."""
    locking = " FOR UPDATE" if lock and db.dialect == "postgres" else ""
    text = f"SELECT user_id, meta FROM chat WHERE id = :id{locking}"
    return await db.fetch_first(_OwnedMeta, "tags.meta", text, id=chat_id)


async def _write_meta(tx: Executor, chat_id: str, meta: dict[str, Any]) -> None:
    text = "UPDATE chat SET meta = :meta WHERE id = :id"
    await tx.execute("tags.write", text, id=chat_id, meta=msgspec.json.encode(meta).decode())


async def _insert_missing(tx: Executor, user_id: str, names: list[str]) -> None:
    for name in names:
        await tx.execute(
            "tags.ensure",
            "INSERT INTO tag (id, name, user_id) VALUES (:id, :name, :user_id) ON CONFLICT (id, user_id) DO NOTHING",
            id=make_tag_id(name),
            name=name,
            user_id=user_id,
        )


#: Which tags of some a user's chats carry. All their chats are looked at.
_USED = {
    "sqlite": """SELECT DISTINCT t.value FROM chat c, json_each(c.meta, '$.tags') t
        WHERE c.user_id = :user_id AND t.value = ANY(:ids)""",
    "postgres": """SELECT DISTINCT t FROM chat c CROSS JOIN LATERAL json_array_elements_text(
            CASE WHEN json_typeof(c.meta -> 'tags') = 'array' THEN c.meta -> 'tags' ELSE CAST('[]' AS JSON) END) t
        WHERE c.user_id = :user_id AND t = ANY(:ids)""",
}


async def delete_unused_tags(db: Database, user_id: str, ids: list[str]) -> None:
    """Forget those of a user's tags that none of their chats carries any more."""
    if not ids:
        return
    async with db.transaction(long=True) as tx:
        used = await tx.fetch_all(str, "tags.used", _USED[tx.dialect], user_id=user_id, ids=ids)
        await tx.execute(
            "tags.drop",
            "DELETE FROM tag WHERE user_id = :user_id AND id = ANY(:ids)",
            user_id=user_id,
            ids=[one for one in ids if one not in used],
        )


def decode_tag_ids(meta: msgspec.Raw) -> list[str]:
    """Ids of the tags that a chat's `meta` names."""
    found = msgspec.json.decode(meta)
    ids = found.get("tags") if isinstance(found, dict) else None
    return [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []


async def ensure_tags(db: Database, user_id: str, names: list[str]) -> None:
    """Give a user the tags that they have not."""
    if names:
        async with db.transaction() as tx:
            await _insert_missing(tx, user_id, names)


async def list_archived_tag_ids(db: Database, user_id: str) -> list[str]:
    """Ids of the tags that a user's archived chats carry."""
    metas = await db.fetch_all_in_thread(
        _MetaRow, "tags.archived", "SELECT meta FROM chat WHERE user_id = :user_id AND archived = TRUE", user_id=user_id
    )
    return sorted({one for row in metas for one in decode_tag_ids(row.meta)})


async def list_chat_tags(db: Executor, chat_id: str, user_id: str) -> list[Tag]:
    """The tags of a chat, in the order they were given."""
    row = await _find_meta(db, chat_id)
    ids = (row.meta or {}).get("tags") if row is not None else None
    if not isinstance(ids, list) or not ids:
        return []
    rows = await db.fetch_all(
        Tag,
        "tags.named",
        "SELECT id, name, user_id, meta FROM tag WHERE user_id = :user_id AND id = ANY(:ids)",
        user_id=user_id,
        ids=ids,
    )
    known = {row.id: row for row in rows}
    return [known[one] for one in ids if one in known]


async def list_user_tags(db: Executor, user_id: str) -> list[Tag]:
    text = "SELECT id, name, user_id, meta FROM tag WHERE user_id = :user_id"
    return await db.fetch_all(Tag, "tags.of_user", text, user_id=user_id)


async def replace_chat_tags(db: Database, chat_id: str, user_id: str, names: list[str]) -> None:
    """Give a chat exactly these tags."""
    names = [name for name in names if make_tag_id(name) != "none"]
    async with db.transaction() as tx:
        row = await _find_meta(tx, chat_id, lock=True)
        if row is None:
            return
        meta = row.meta or {}
        old = [one for one in meta.get("tags") or [] if isinstance(one, str)]
        new = list(dict.fromkeys(make_tag_id(name) for name in names))
        await _insert_missing(tx, user_id, names)
        await _write_meta(tx, chat_id, {**meta, "tags": new})
    await delete_unused_tags(db, user_id, [one for one in old if one not in new])


async def add_chat_tag(db: Database, chat_id: str, user_id: str, name: str) -> None:
    async with db.transaction() as tx:
        row = await _find_meta(tx, chat_id, lock=True)
        if row is None:
            return
        meta = row.meta or {}
        await _insert_missing(tx, user_id, [name])
        ids = [*(meta.get("tags") or []), make_tag_id(name)]
        await _write_meta(tx, chat_id, {**meta, "tags": list(dict.fromkeys(ids))})


async def remove_chat_tag(db: Database, chat_id: str, user_id: str, name: str) -> None:
    async with db.transaction() as tx:
        row = await _find_meta(tx, chat_id, lock=True)
        if row is None:
            return
        meta = row.meta or {}
        gone = make_tag_id(name)
        await _write_meta(tx, chat_id, {**meta, "tags": [one for one in meta.get("tags") or [] if one != gone]})
    await delete_unused_tags(db, user_id, [gone])
