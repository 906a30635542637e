"""Tags of chats: their ids in `chat.meta.tags`, their names in the table `tag`, one row for each user and tag."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.fragments import DOCUMENT, TAGS_POSTGRES, TAGS_SQLITE
from fastback.kit.db import Database, Executor
from fastback.kit.db.large_column import fetch_row, is_large
from fastback.kit.storable_text import encode_json


class Tag(msgspec.Struct):
    """A tag of a user."""

    id: str
    name: str
    user_id: str
    meta: dict[str, Any] | None = None


class _EncodedMeta(msgspec.Struct):
    meta: msgspec.Raw


class _OwnedMeta(msgspec.Struct):
    user_id: str
    meta: dict[str, Any] | None


FIND_META = "SELECT user_id, meta FROM chat WHERE id = :id"
LOCK_META = {"sqlite": FIND_META, "postgres": f"{FIND_META} FOR UPDATE"}
SET_META = "UPDATE chat SET meta = :meta WHERE id = :id"
INSERT_TAG = "INSERT INTO tag (id, name, user_id) VALUES (:id, :name, :user_id) ON CONFLICT (id, user_id) DO NOTHING"
#: The tags among `:ids` that a user's chats have. Reads all chats of the user.
LIST_USED_IDS = {
    "sqlite": f"""SELECT DISTINCT t.value FROM chat c, json_each({TAGS_SQLITE.replace("meta", "c.meta")}) t
        WHERE c.user_id = :user_id AND t.value = ANY(:ids)""",
    "postgres": f"""SELECT DISTINCT t FROM chat c CROSS JOIN LATERAL json_array_elements_text({TAGS_POSTGRES}) t
        WHERE c.user_id = :user_id AND t = ANY(:ids)""",
}
LIST_ARCHIVED_METAS = "SELECT meta FROM chat WHERE user_id = :user_id AND archived = TRUE"
LIST_TAGS = "SELECT id, name, user_id, meta FROM tag WHERE user_id = :user_id AND id = ANY(:ids)"
LIST_USER_TAGS = "SELECT id, name, user_id, meta FROM tag WHERE user_id = :user_id"
DELETE_TAGS = "DELETE FROM tag WHERE user_id = :user_id AND id = ANY(:ids)"


def make_tag_id(name: str) -> str:
    """Return the id of a tag: its name in lower case, with underscores for spaces."""
    return name.replace(" ", "_").lower()


def _list_ids(meta: Any) -> list[str]:
    """Return the ids of the tags in a chat's decoded `meta`."""
    ids = meta.get("tags") if isinstance(meta, dict) else None
    return [tag_id for tag_id in ids if isinstance(tag_id, str)] if isinstance(ids, list) else []


def decode_tag_ids(meta: msgspec.Raw) -> list[str]:
    """Return the ids of the tags in a chat's `meta`."""
    return _list_ids(msgspec.json.decode(meta))


# -- reading ------------------------------------------------------------------------------------------------------


async def list_archived_tag_ids(db: Database, user_id: str) -> list[str]:
    """Return the ids of the tags of a user's archived chats, sorted."""
    rows = await db.fetch_all_in_thread(_EncodedMeta, "tags.list_archived_metas", LIST_ARCHIVED_METAS, user_id=user_id)
    return sorted({tag_id for row in rows for tag_id in decode_tag_ids(row.meta)})


async def list_chat_tags(db: Database, chat_id: str, user_id: str) -> list[Tag]:
    """Return the tags of a chat in the order in which they were added."""
    row = await fetch_row(db, DOCUMENT, _OwnedMeta, "tags.find_meta", FIND_META, id=chat_id)
    ids = (row.meta or {}).get("tags") if row is not None else None
    if not isinstance(ids, list) or not ids:
        return []
    rows = await db.fetch_all(Tag, "tags.list", LIST_TAGS, user_id=user_id, ids=ids)
    tags = {tag.id: tag for tag in rows}
    return [tags[tag_id] for tag_id in ids if tag_id in tags]


async def list_user_tags(db: Executor, user_id: str) -> list[Tag]:
    """Return the tags of a user."""
    return await db.fetch_all(Tag, "tags.list_of_user", LIST_USER_TAGS, user_id=user_id)


# -- writing ------------------------------------------------------------------------------------------------------


async def _lock_meta(tx: Executor, chat_id: str) -> _OwnedMeta | None:
    """Return the `meta` of a chat, and keep others from changing it until the transaction ends."""
    return await tx.fetch_first(_OwnedMeta, "tags.lock_meta", LOCK_META[tx.dialect], id=chat_id)


async def _write_meta(tx: Executor, chat_id: str, meta: dict[str, Any]) -> None:
    await tx.execute("tags.set_meta", SET_META, id=chat_id, meta=encode_json(meta))


async def _insert_missing(tx: Executor, user_id: str, names: list[str]) -> None:
    for name in names:
        await tx.execute("tags.insert", INSERT_TAG, id=make_tag_id(name), name=name, user_id=user_id)


async def ensure_tags(db: Database, user_id: str, names: list[str]) -> None:
    """Insert the tags that a user does not have yet."""
    if names:
        async with db.transaction() as tx:
            await _insert_missing(tx, user_id, names)


async def delete_unused_tags(db: Database, user_id: str, ids: list[str]) -> None:
    """Delete the tags among `ids` that no chat of the user has any more."""
    if not ids:
        return
    async with db.transaction(long=True) as tx:
        used_ids = await tx.fetch_all(str, "tags.list_used_ids", LIST_USED_IDS[tx.dialect], user_id=user_id, ids=ids)
        unused_ids = [tag_id for tag_id in ids if tag_id not in used_ids]
        await tx.execute("tags.delete", DELETE_TAGS, user_id=user_id, ids=unused_ids)


async def replace_chat_tags(db: Database, chat_id: str, user_id: str, names: list[str]) -> None:
    """Replace the tags of a chat, and delete the old ones that no chat has any more."""
    names = [name for name in names if make_tag_id(name) != "none"]
    async with db.transaction(long=await is_large(db, DOCUMENT, chat_id)) as tx:
        row = await _lock_meta(tx, chat_id)
        if row is None:
            return
        meta = row.meta or {}
        old_ids = [tag_id for tag_id in meta.get("tags") or [] if isinstance(tag_id, str)]
        new_ids = list(dict.fromkeys(make_tag_id(name) for name in names))
        await _insert_missing(tx, user_id, names)
        await _write_meta(tx, chat_id, {**meta, "tags": new_ids})
    await delete_unused_tags(db, user_id, [tag_id for tag_id in old_ids if tag_id not in new_ids])


async def add_chat_tag(db: Database, chat_id: str, user_id: str, name: str) -> None:
    """Add a tag to a chat."""
    async with db.transaction(long=await is_large(db, DOCUMENT, chat_id)) as tx:
        row = await _lock_meta(tx, chat_id)
        if row is None:
            return
        meta = row.meta or {}
        await _insert_missing(tx, user_id, [name])
        ids = [*(meta.get("tags") or []), make_tag_id(name)]
        await _write_meta(tx, chat_id, {**meta, "tags": list(dict.fromkeys(ids))})


async def remove_chat_tag(db: Database, chat_id: str, user_id: str, name: str) -> None:
    """Remove a tag from a chat, and delete it if no chat has it any more."""
    removed_id = make_tag_id(name)
    async with db.transaction(long=await is_large(db, DOCUMENT, chat_id)) as tx:
        row = await _lock_meta(tx, chat_id)
        if row is None:
            return
        meta = row.meta or {}
        remaining_ids = [tag_id for tag_id in meta.get("tags") or [] if tag_id != removed_id]
        await _write_meta(tx, chat_id, {**meta, "tags": remaining_ids})
    await delete_unused_tags(db, user_id, [removed_id])
