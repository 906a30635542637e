"""Rows of `memory`."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Database, Executor


class Memory(msgspec.Struct):
    id: str
    user_id: str
    type: str
    path: str | None
    content: str
    meta: msgspec.Raw
    updated_at: int
    created_at: int


_COLUMNS = "id, user_id, type, path, content, meta, updated_at, created_at"


def build_response(memory: Memory) -> dict[str, Any]:
    """A memory without its `meta`."""
    return {name: value for name, value in msgspec.structs.asdict(memory).items() if name != "meta"}


async def list_memories(db: Executor, user_id: str) -> list[Memory]:
    """A user's memories, oldest first."""
    return await db.fetch_all(
        Memory,
        "memories.mine",
        f"SELECT {_COLUMNS} FROM memory WHERE user_id = :user_id ORDER BY created_at, id",
        user_id=user_id,
    )


async def list_all_after(db: Database, after: str, limit: int) -> list[Memory]:
    """Memories of users that exist, by their ids, from the one behind `after`."""
    return await db.fetch_all_in_thread(
        Memory,
        "memories.everybodys",
        f"""SELECT {_COLUMNS} FROM memory WHERE id > :after
            AND user_id IN (SELECT u.id FROM "user" u) ORDER BY id LIMIT :limit""",
        after=after,
        limit=limit,
    )


async def count_users(db: Database) -> int:
    """How many users there are."""
    return int(await db.fetch_value("memories.users", 'SELECT count(*) FROM "user"'))


async def find_memory(db: Executor, memory_id: str, user_id: str) -> Memory | None:
    """One of a user's own."""
    return await db.fetch_first(
        Memory,
        "memories.get",
        f"SELECT {_COLUMNS} FROM memory WHERE id = :id AND user_id = :user_id",
        id=memory_id,
        user_id=user_id,
    )


async def find_duplicate(db: Executor, user_id: str, content: str, kind: str, path: str | None) -> Memory | None:
    """A memory of a user that says the same in the same place."""
    return await db.fetch_first(
        Memory,
        "memories.same",
        f"""SELECT {_COLUMNS} FROM memory WHERE user_id = :user_id AND content = :content AND type = :type
            AND COALESCE(path, '') = :path ORDER BY created_at, id LIMIT 1""",
        user_id=user_id,
        content=content,
        type=kind,
        path=path or "",
    )


async def insert_memory(
    db: Executor, user_id: str, content: str, kind: str, path: str | None, meta: dict[str, Any]
) -> Memory:
    now = int(time.time())
    made = Memory(str(uuid.uuid4()), user_id, kind, path, content, msgspec.Raw(msgspec.json.encode(meta)), now, now)
    await db.execute(
        "memories.insert",
        f"""INSERT INTO memory ({_COLUMNS})
            VALUES (:id, :user_id, :type, :path, :content, :meta, :updated_at, :created_at)""",
        **{**msgspec.structs.asdict(made), "meta": bytes(made.meta).decode()},
    )
    return made


async def update_memory(db: Executor, memory: Memory, meta: dict[str, Any], **fields: Any) -> Memory:
    """Write a memory with other `content`, `type` or `path`; `meta` is laid over its own."""
    known = msgspec.json.decode(memory.meta)
    merged = {**(known if isinstance(known, dict) else {}), **meta}
    changed = msgspec.structs.replace(
        memory, **fields, meta=msgspec.Raw(msgspec.json.encode(merged)), updated_at=int(time.time())
    )
    await db.execute(
        "memories.update",
        """UPDATE memory SET content = :content, type = :type, path = :path, meta = :meta, updated_at = :updated_at
           WHERE id = :id AND user_id = :user_id""",
        id=changed.id,
        user_id=changed.user_id,
        content=changed.content,
        type=changed.type,
        path=changed.path,
        meta=bytes(changed.meta).decode(),
        updated_at=changed.updated_at,
    )
    return changed


async def delete_memory(db: Executor, memory_id: str, user_id: str) -> bool:
    """Whether there was one to delete."""
    gone = await db.execute(
        "memories.delete", "DELETE FROM memory WHERE id = :id AND user_id = :user_id", id=memory_id, user_id=user_id
    )
    return gone > 0


async def delete_all_memories(db: Executor, user_id: str) -> None:
    await db.execute("memories.delete_all", "DELETE FROM memory WHERE user_id = :user_id", user_id=user_id)
