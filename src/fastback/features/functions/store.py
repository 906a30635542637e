"""Rows of `function`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.kit.db import Executor
from fastback.records.column_store import Columns


class Function(msgspec.Struct):
    version_id: str | None
    id: str
    user_id: str | None
    name: str
    type: str
    content: str
    meta: dict[str, Any]
    valves: str | None
    is_active: bool
    is_global: bool
    updated_at: int
    created_at: int


_COLUMNS = """version_id, id, user_id, name, type, COALESCE(content, ''), COALESCE(meta, '{}'), valves,
    COALESCE(is_active, FALSE), COALESCE(is_global, FALSE), updated_at, created_at"""
_CHANGING = Columns(
    "function",
    plain=("user_id", "name", "type", "content", "valves", "version_id", "is_active", "is_global", "created_at"),
    json=("meta",),
)


def full(row: Function, *, valves: dict[str, Any] | None = None) -> dict[str, Any]:
    """A function with its code, and its valves where they are given."""
    found = msgspec.structs.asdict(row)
    found.pop("valves")
    if valves is None:
        return found
    times = {name: found.pop(name) for name in ("is_active", "is_global", "updated_at", "created_at")}
    return {**found, "valves": valves, **times}


def brief(row: Function) -> dict[str, Any]:
    """A function without its code."""
    return {
        "version_id": row.version_id,
        "id": row.id,
        "user_id": row.user_id,
        "type": row.type,
        "name": row.name,
        "meta": row.meta,
        "is_active": row.is_active,
        "is_global": row.is_global,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
    }


async def get(db: Executor, function_id: str) -> Function | None:
    return await db.fetch_first(
        Function, "functions.get", f"SELECT {_COLUMNS} FROM function WHERE id = :id", id=function_id
    )


async def everything(db: Executor) -> list[Function]:
    return await db.fetch_all(Function, "functions.everything", f"SELECT {_COLUMNS} FROM function")


async def insert(tx: Executor, function_id: str, **fields: Any) -> None:
    """Write a new function; `fields` are all its other columns but the time of the change."""
    names = ["id", *fields, "updated_at"]
    await tx.execute(
        "functions.insert",
        f"INSERT INTO function ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})",
        id=function_id,
        updated_at=int(time.time()),
        **_CHANGING.written(fields),
    )


async def update(tx: Executor, function_id: str, **fields: Any) -> None:
    """Change columns of a function."""
    await _CHANGING.update(tx, function_id, fields)


async def delete(tx: Executor, function_id: str) -> None:
    await tx.execute("functions.delete", "DELETE FROM function WHERE id = :id", id=function_id)
