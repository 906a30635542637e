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


def tag_id(name: str) -> str:
    """The id of a tag: its name in small letters, with underscores for spaces."""
    return name.replace(" ", "_").lower()


class _Tagged(msgspec.Struct):
    meta: msgspec.Raw


class _Meta(msgspec.Struct):
    user_id: str
    meta: dict[str, Any] | None


async def _meta(db: Executor, chat_id: str) -> _Meta | None:
    return await db.first(_Meta, "tags.meta", "SELECT user_id, meta FROM chat WHERE id = :id", id=chat_id)


async def _write(tx: Executor, chat_id: str, meta: dict[str, Any]) -> None:
    text = "UPDATE chat SET meta = :meta WHERE id = :id"
    await tx.execute("tags.write", text, id=chat_id, meta=msgspec.json.encode(meta).decode())


async def _ensure(tx: Executor, user_id: str, names: list[str]) -> None:
    for name in names:
        await tx.execute(
            "tags.ensure",
            "INSERT INTO tag (id, name, user_id) VALUES (:id, :name, :user_id) ON CONFLICT (id, user_id) DO NOTHING",
            id=tag_id(name),
            name=name,
            user_id=user_id,
        )


async def _drop_orphans(tx: Executor, user_id: str, ids: list[str]) -> None:
    """Forget tags that no chat of the user carries any more."""
    for one in ids:
        used = await tx.scalar("tags.used", _USES[tx.dialect], user_id=user_id, tag=one)
        if not used:
            await drop(tx, user_id, one)


_USES = {
    "sqlite": """SELECT 1 FROM chat c WHERE c.user_id = :user_id
        AND EXISTS (SELECT 1 FROM json_each(c.meta, '$.tags') t WHERE t.value = :tag) LIMIT 1""",
    "postgres": """SELECT 1 FROM chat c WHERE c.user_id = :user_id AND json_typeof(c.meta -> 'tags') = 'array'
        AND EXISTS (SELECT 1 FROM json_array_elements_text(c.meta -> 'tags') t WHERE t = :tag) LIMIT 1""",
}


def ids_in(meta: msgspec.Raw) -> list[str]:
    """Ids of the tags that a chat's `meta` names."""
    found = msgspec.json.decode(meta)
    ids = found.get("tags") if isinstance(found, dict) else None
    return [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []


async def drop_unused(db: Database, user_id: str, ids: list[str]) -> None:
    """Forget those of a user's tags that none of their chats carries."""
    if ids:
        async with db.transaction() as tx:
            await _drop_orphans(tx, user_id, ids)


async def drop(db: Executor, user_id: str, tag: str) -> None:
    text = "DELETE FROM tag WHERE id = :id AND user_id = :user_id"
    await db.execute("tags.drop", text, id=tag, user_id=user_id)


async def ensure(db: Database, user_id: str, names: list[str]) -> None:
    """Give a user the tags that they have not."""
    if names:
        async with db.transaction() as tx:
            await _ensure(tx, user_id, names)


async def archived_ids(db: Database, user_id: str) -> list[str]:
    """Ids of the tags that a user's archived chats carry."""
    metas = await db.all_long(
        _Tagged, "tags.archived", "SELECT meta FROM chat WHERE user_id = :user_id AND archived = TRUE", user_id=user_id
    )
    return sorted({one for row in metas for one in ids_in(row.meta)})


async def of_chat(db: Executor, chat_id: str, user_id: str) -> list[Tag]:
    """The tags of a chat, in the order they were given."""
    row = await _meta(db, chat_id)
    ids = (row.meta or {}).get("tags") if row is not None else None
    if not isinstance(ids, list) or not ids:
        return []
    rows = await db.all(
        Tag,
        "tags.named",
        "SELECT id, name, user_id, meta FROM tag WHERE user_id = :user_id AND id = ANY(:ids)",
        user_id=user_id,
        ids=ids,
    )
    known = {row.id: row for row in rows}
    return [known[one] for one in ids if one in known]


async def of_user(db: Executor, user_id: str) -> list[Tag]:
    text = "SELECT id, name, user_id, meta FROM tag WHERE user_id = :user_id"
    return await db.all(Tag, "tags.of_user", text, user_id=user_id)


async def set_all(db: Database, chat_id: str, user_id: str, names: list[str]) -> None:
    """Give a chat exactly these tags."""
    names = [name for name in names if tag_id(name) != "none"]
    async with db.transaction() as tx:
        row = await _meta(tx, chat_id)
        if row is None:
            return
        meta = row.meta or {}
        old = [one for one in meta.get("tags") or [] if isinstance(one, str)]
        new = list(dict.fromkeys(tag_id(name) for name in names))
        await _ensure(tx, user_id, names)
        await _write(tx, chat_id, {**meta, "tags": new})
        await _drop_orphans(tx, user_id, [one for one in old if one not in new])


async def add(db: Database, chat_id: str, user_id: str, name: str) -> None:
    async with db.transaction() as tx:
        row = await _meta(tx, chat_id)
        if row is None:
            return
        meta = row.meta or {}
        await _ensure(tx, user_id, [name])
        ids = [*(meta.get("tags") or []), tag_id(name)]
        await _write(tx, chat_id, {**meta, "tags": list(dict.fromkeys(ids))})


async def remove(db: Database, chat_id: str, user_id: str, name: str) -> None:
    async with db.transaction() as tx:
        row = await _meta(tx, chat_id)
        if row is None:
            return
        meta = row.meta or {}
        gone = tag_id(name)
        await _write(tx, chat_id, {**meta, "tags": [one for one in meta.get("tags") or [] if one != gone]})
        await _drop_orphans(tx, user_id, [gone])
