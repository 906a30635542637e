"""Rows of `tool`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.access.identity import User
from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json
from fastback.records.listing import RecordCatalog


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


class ToolListItem(msgspec.Struct):
    """A tool as lists need it: without its code, JSON undecoded."""

    version_id: str | None
    id: str
    user_id: str
    name: str
    meta: msgspec.Raw
    updated_at: int
    created_at: int
    specs: msgspec.Raw


class ToolCode(msgspec.Struct):
    id: str
    user_id: str | None
    content: str
    valves: str | None


#: The columns of `Tool`.
_COLUMNS = """t.id, t.version_id, t.user_id, t.name, t.meta, t.content, COALESCE(t.specs, '[]'), t.valves, t.updated_at,
    t.created_at"""
#: The columns of `ToolListItem`.
_LIST_COLUMNS = "t.version_id, t.id, t.user_id, t.name, t.meta, t.updated_at, t.created_at, t.specs"

FIND_TOOL = f"SELECT {_COLUMNS} FROM tool t WHERE t.id = :id"
LIST_CODE = "SELECT id, user_id, COALESCE(content, ''), valves FROM tool ORDER BY id"
INSERT_TOOL = """INSERT INTO tool (id, user_id, name, content, specs, meta, version_id, updated_at, created_at)
    VALUES (:id, :user_id, :name, :content, :specs, :meta, :version_id, :now, :now)"""
UPDATE_TOOL = """UPDATE tool SET name = :name, content = :content, specs = :specs, meta = :meta,
        version_id = :version_id, updated_at = :now
    WHERE id = :id"""
DELETE_TOOL = "DELETE FROM tool WHERE id = :id"


def serialize_summary(row: Tool, grants: list[Grant]) -> dict[str, Any]:
    """Return a tool without its code, as responses show it."""
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


def serialize_tool(row: Tool, grants: list[Grant]) -> dict[str, Any]:
    """Return a tool with its code and the specifications of its methods, as responses show it."""
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


async def list_readable_tools(catalog: RecordCatalog, user: User) -> list[ToolListItem]:
    """Return the tools that a user may read, the most recently updated first."""
    rows, _ = await catalog.list_rows(ToolListItem, user, resource="tool", columns=_LIST_COLUMNS, table="tool")
    return rows


async def list_writable_tools(catalog: RecordCatalog, user: User) -> list[Tool]:
    """Return the tools that a user may write, with their code."""
    rows, _ = await catalog.list_rows(Tool, user, resource="tool", columns=_COLUMNS, table="tool", permission="write")
    return rows


async def find_tool(db: Executor, tool_id: str) -> Tool | None:
    return await db.fetch_first(Tool, "tools.get", FIND_TOOL, id=tool_id)


async def list_code(db: Executor) -> list[ToolCode]:
    """Return the code of all tools."""
    return await db.fetch_all(ToolCode, "tools.code", LIST_CODE)


async def insert_tool(tx: Executor, tool_id: str, user_id: str, **fields: Any) -> None:
    """Insert a tool; `fields` are its name, content, specs, meta and version_id."""
    await tx.execute(
        "tools.insert", INSERT_TOOL, id=tool_id, user_id=user_id, now=int(time.time()), **_encode_fields(fields)
    )


async def update_tool(tx: Executor, tool_id: str, **fields: Any) -> None:
    """Update a tool; `fields` are those of `insert_tool`."""
    await tx.execute("tools.update", UPDATE_TOOL, id=tool_id, now=int(time.time()), **_encode_fields(fields))


async def delete_tool(tx: Executor, tool_id: str) -> None:
    await tx.execute("tools.delete", DELETE_TOOL, id=tool_id)


def _encode_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: encode_json(value) if name in ("specs", "meta") else value for name, value in fields.items()}
