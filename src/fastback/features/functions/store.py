"""Rows of `function`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.kit.db import Executor
from fastback.records.column_store import UpdatableColumns


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


class FunctionListItem(msgspec.Struct):
    """A function as lists show it: without its code and valves, JSON undecoded."""

    version_id: str | None
    id: str
    user_id: str
    type: str
    name: str
    meta: msgspec.Raw
    is_active: bool
    is_global: bool
    updated_at: int
    created_at: int


#: The columns of `Function`.
_COLUMNS = """version_id, id, user_id, name, type, COALESCE(content, ''), COALESCE(meta, '{}'), valves,
    COALESCE(is_active, FALSE), COALESCE(is_global, FALSE), updated_at, created_at"""
#: The columns of `FunctionListItem`.
_LIST_COLUMNS = """version_id, id, user_id, type, name, meta, COALESCE(is_active, FALSE), COALESCE(is_global, FALSE),
    updated_at, created_at"""
_UPDATABLE = UpdatableColumns(
    "function",
    plain=("user_id", "name", "type", "content", "valves", "version_id", "is_active", "is_global", "created_at"),
    json=("meta",),
)

FIND_FUNCTION = f"SELECT {_COLUMNS} FROM function WHERE id = :id"
LIST_FUNCTIONS = f"SELECT {_COLUMNS} FROM function"
LIST_ACTIVE = f"SELECT {_COLUMNS} FROM function WHERE is_active ORDER BY id"
HAS_ACTIVE = "SELECT 1 FROM function WHERE is_active LIMIT 1"
HAS_ACTIVE_OF_TYPE = "SELECT 1 FROM function WHERE is_active AND type = :type LIMIT 1"
LIST_ITEMS = f"SELECT {_LIST_COLUMNS} FROM function"
LIST_RECENT_ITEMS = f"SELECT {_LIST_COLUMNS} FROM function ORDER BY updated_at DESC"
INSERT_FUNCTION = """INSERT INTO function
        (id, user_id, name, type, content, meta, valves, version_id, is_active, is_global, updated_at, created_at)
    VALUES (:id, :user_id, :name, :type, :content, :meta, :valves, :version_id, :is_active, :is_global, :updated_at,
        :created_at)"""
DELETE_FUNCTION = "DELETE FROM function WHERE id = :id"
DEACTIVATE_ALL = "UPDATE function SET is_active = FALSE WHERE is_active"


def serialize_function(row: Function, *, valves: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a function with its code, and with its valves if they are passed."""
    fields = msgspec.structs.asdict(row)
    fields.pop("valves")
    if valves is None:
        return fields
    # The valves come before these fields, as in the reference.
    last = {name: fields.pop(name) for name in ("is_active", "is_global", "updated_at", "created_at")}
    return {**fields, "valves": valves, **last}


def serialize_summary(row: Function) -> dict[str, Any]:
    """Return a function without its code."""
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


async def find_function(db: Executor, function_id: str) -> Function | None:
    return await db.fetch_first(Function, "functions.get", FIND_FUNCTION, id=function_id)


async def list_functions(db: Executor) -> list[Function]:
    """Return all functions with their code and valves."""
    return await db.fetch_all(Function, "functions.everything", LIST_FUNCTIONS)


async def list_active(db: Executor) -> list[Function]:
    """Return the active functions with their code and valves."""
    return await db.fetch_all(Function, "functions.active", LIST_ACTIVE)


async def has_active(db: Executor) -> bool:
    """Return whether any function is active."""
    return bool(await db.fetch_value("functions.has_active", HAS_ACTIVE))


async def has_active_pipe(db: Executor) -> bool:
    """Return whether an active function offers models."""
    return await has_active_of_type(db, "pipe")


async def has_active_of_type(db: Executor, function_type: str) -> bool:
    """Return whether there is an active function of a type."""
    return bool(await db.fetch_value("functions.has_type", HAS_ACTIVE_OF_TYPE, type=function_type))


async def list_items(db: Executor) -> list[FunctionListItem]:
    return await db.fetch_all(FunctionListItem, "functions.all", LIST_ITEMS)


async def list_recent_items(db: Executor) -> list[FunctionListItem]:
    """Return all functions, the most recently updated first."""
    return await db.fetch_all(FunctionListItem, "functions.list", LIST_RECENT_ITEMS)


async def insert_function(tx: Executor, function_id: str, **fields: Any) -> None:
    """Insert a function; `fields` are its other columns except `updated_at`; `valves` may be missing."""
    values = {"valves": None, **_UPDATABLE.encode_values(fields)}
    await tx.execute("functions.insert", INSERT_FUNCTION, id=function_id, updated_at=int(time.time()), **values)


async def update_function(tx: Executor, function_id: str, **fields: Any) -> None:
    """Update columns of a function, and the time of its last update."""
    await _UPDATABLE.update_row(tx, function_id, fields)


async def delete_function(tx: Executor, function_id: str) -> None:
    await tx.execute("functions.delete", DELETE_FUNCTION, id=function_id)


async def deactivate_all(db: Executor) -> int:
    """Deactivate every function; return how many were active."""
    return await db.execute("functions.safe_mode", DEACTIVATE_ALL)
