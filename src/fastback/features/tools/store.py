"""Rows of `tool`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.kit.db import Executor


class Tool(msgspec.Struct):
    id: str
    version_id: str | None
    user_id: str | None
    name: str
    meta: dict[str, Any]
    content: str | None
    specs: msgspec.Raw
    valves: str | None
    updated_at: int
    created_at: int


#: The columns of `Tool`, of a table known as `t`.
COLUMNS = """t.id, t.version_id, t.user_id, t.name, t.meta, t.content, COALESCE(t.specs, '[]'), t.valves, t.updated_at,
    t.created_at"""


def brief(row: Tool, grants: list[Grant]) -> dict[str, Any]:
    """A tool without its code."""
    return {
        "version_id": row.version_id,
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "meta": row.meta,
        "access_grants": grants,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
    }


def full(row: Tool, grants: list[Grant]) -> dict[str, Any]:
    """A tool with its code and what models are told about it."""
    return {
        "version_id": row.version_id,
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "content": row.content,
        "specs": row.specs,
        "meta": row.meta,
        "access_grants": grants,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
    }


async def get(db: Executor, tool_id: str) -> Tool | None:
    return await db.fetch_first(Tool, "tools.get", f"SELECT {COLUMNS} FROM tool t WHERE t.id = :id", id=tool_id)


async def insert(tx: Executor, tool_id: str, user_id: str, **fields: Any) -> None:
    """Write a new tool; `fields` are its name, content, meta, specs and version."""
    await tx.execute(
        "tools.insert",
        """INSERT INTO tool (id, user_id, name, content, specs, meta, version_id, updated_at, created_at)
           VALUES (:id, :user_id, :name, :content, :specs, :meta, :version_id, :now, :now)""",
        id=tool_id,
        user_id=user_id,
        now=int(time.time()),
        **_written(fields),
    )


async def update(tx: Executor, tool_id: str, **fields: Any) -> None:
    """Write a tool anew; `fields` as for `insert`."""
    await tx.execute(
        "tools.update",
        """UPDATE tool SET name = :name, content = :content, specs = :specs, meta = :meta, version_id = :version_id,
               updated_at = :now WHERE id = :id""",
        id=tool_id,
        now=int(time.time()),
        **_written(fields),
    )


async def delete(tx: Executor, tool_id: str) -> None:
    await tx.execute("tools.delete", "DELETE FROM tool WHERE id = :id", id=tool_id)


def _written(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: msgspec.json.encode(value).decode() if name in ("specs", "meta") else value
        for name, value in fields.items()
    }
