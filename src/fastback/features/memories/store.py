"""Statements of the table `memory`."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Database, Executor
from fastback.kit.storable_text import encode_storable


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

LIST_MEMORIES = f"SELECT {_COLUMNS} FROM memory WHERE user_id = :user_id ORDER BY created_at, id"
LIST_ALL_AFTER = f"""
    SELECT {_COLUMNS} FROM memory WHERE id > :after
    AND user_id IN (SELECT u.id FROM "user" u) ORDER BY id LIMIT :limit"""
COUNT_USERS = 'SELECT count(*) FROM "user"'
FIND_MEMORY = f"SELECT {_COLUMNS} FROM memory WHERE id = :id AND user_id = :user_id"
FIND_DUPLICATE = f"""
    SELECT {_COLUMNS} FROM memory WHERE user_id = :user_id AND content = :content AND type = :type
    AND COALESCE(path, '') = :path ORDER BY created_at, id LIMIT 1"""
INSERT_MEMORY = f"""
    INSERT INTO memory ({_COLUMNS})
    VALUES (:id, :user_id, :type, :path, :content, :meta, :updated_at, :created_at)"""
UPDATE_MEMORY = """
    UPDATE memory SET content = :content, type = :type, path = :path, meta = :meta, updated_at = :updated_at
    WHERE id = :id AND user_id = :user_id"""
DELETE_MEMORY = "DELETE FROM memory WHERE id = :id AND user_id = :user_id"
DELETE_ALL_MEMORIES = "DELETE FROM memory WHERE user_id = :user_id"


def build_response(memory: Memory) -> dict[str, Any]:
    """Return a memory without its `meta`, as responses show it."""
    return {name: value for name, value in msgspec.structs.asdict(memory).items() if name != "meta"}


async def list_memories(db: Executor, user_id: str) -> list[Memory]:
    """List a user's memories, oldest first."""
    return await db.fetch_all(Memory, "memories.list", LIST_MEMORIES, user_id=user_id)


async def list_all_after(db: Database, after: str, limit: int) -> list[Memory]:
    """List memories of existing users by id, beginning after the id `after`."""
    return await db.fetch_all_in_thread(Memory, "memories.list_all_after", LIST_ALL_AFTER, after=after, limit=limit)


async def count_users(db: Database) -> int:
    return int(await db.fetch_value("memories.count_users", COUNT_USERS))


async def find_memory(db: Executor, memory_id: str, user_id: str) -> Memory | None:
    """Return a memory if it belongs to the user."""
    return await db.fetch_first(Memory, "memories.find", FIND_MEMORY, id=memory_id, user_id=user_id)


async def find_duplicate(db: Executor, user_id: str, content: str, memory_type: str, path: str | None) -> Memory | None:
    """Return the user's oldest memory with the same content, type and path."""
    return await db.fetch_first(
        Memory,
        "memories.find_duplicate",
        FIND_DUPLICATE,
        user_id=user_id,
        content=content,
        type=memory_type,
        path=path or "",
    )


async def insert_memory(
    db: Executor, user_id: str, content: str, memory_type: str, path: str | None, meta: dict[str, Any]
) -> Memory:
    now = int(time.time())
    encoded_meta = encode_storable(meta)
    memory = Memory(str(uuid.uuid4()), user_id, memory_type, path, content, msgspec.Raw(encoded_meta), now, now)
    params = {**msgspec.structs.asdict(memory), "meta": encoded_meta.decode()}
    await db.execute("memories.insert", INSERT_MEMORY, **params)
    return memory


async def update_memory(db: Executor, memory: Memory, meta: dict[str, Any], **fields: Any) -> Memory:
    """Change `content`, `type` or `path` of a memory, and merge `meta` into its own. Return the changed memory."""
    existing_meta = msgspec.json.decode(memory.meta)
    merged_meta = {**(existing_meta if isinstance(existing_meta, dict) else {}), **meta}
    updated = msgspec.structs.replace(
        memory, **fields, meta=msgspec.Raw(encode_storable(merged_meta)), updated_at=int(time.time())
    )
    await db.execute(
        "memories.update",
        UPDATE_MEMORY,
        id=updated.id,
        user_id=updated.user_id,
        content=updated.content,
        type=updated.type,
        path=updated.path,
        meta=bytes(updated.meta).decode(),
        updated_at=updated.updated_at,
    )
    return updated


async def delete_memory(db: Executor, memory_id: str, user_id: str) -> bool:
    """Delete a memory. Return whether the user had it."""
    return await db.execute("memories.delete", DELETE_MEMORY, id=memory_id, user_id=user_id) > 0


async def delete_all_memories(db: Executor, user_id: str) -> None:
    await db.execute("memories.delete_all", DELETE_ALL_MEMORIES, user_id=user_id)
