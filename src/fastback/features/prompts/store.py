"""Rows of `prompt`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.access.identity import User
from fastback.kit.db import Executor
from fastback.records.column_store import UpdatableColumns
from fastback.records.listing import RecordCatalog, build_listing, escape_like

#: Rows on a page of the list.
PAGE = 30


class Prompt(msgspec.Struct):
    id: str
    command: str
    user_id: str
    name: str
    content: str
    data: msgspec.Raw
    meta: msgspec.Raw
    tags: msgspec.Raw
    is_active: bool
    version_id: str | None
    created_at: int
    updated_at: int


class _Tags(msgspec.Struct):
    tags: list[str] | None


#: The columns of `Prompt`.
_COLUMNS = """t.id, t.command, t.user_id, t.name, t.content, t.data, t.meta, COALESCE(t.tags, '[]'), t.is_active,
    t.version_id, t.created_at, t.updated_at"""
_UPDATABLE = UpdatableColumns(
    "prompt", plain=("command", "name", "content", "is_active", "version_id"), json=("data", "meta", "tags")
)
#: Whether a prompt has a tag; upper and lower case are the same.
_HAS_TAG = {
    "postgres": "EXISTS (SELECT 1 FROM json_array_elements_text(t.tags::readable) x WHERE lower(x) = :tag)",
    "sqlite": "EXISTS (SELECT 1 FROM json_each(t.tags) x WHERE x.value LIKE :tag ESCAPE '\\')",
}

FIND_PROMPT = f"SELECT {_COLUMNS} FROM prompt t WHERE t.id = :id"
FIND_ID_BY_COMMAND = "SELECT id FROM prompt WHERE command = :command"
INSERT_PROMPT = """INSERT INTO prompt
        (id, command, user_id, name, content, data, meta, tags, is_active, created_at, updated_at)
    VALUES (:id, :command, :user_id, :name, :content, :data, :meta, :tags, TRUE, :now, :now)"""
DELETE_PROMPT = "DELETE FROM prompt WHERE id = :id"


def serialize_prompt(row: Prompt, grants: list[Grant] | None = None) -> dict[str, Any]:
    """Return a prompt as responses show it."""
    return {**msgspec.structs.asdict(row), "access_grants": grants or []}


async def list_active_prompts(catalog: RecordCatalog, user: User) -> list[Prompt]:
    """Return the active prompts that a user may read, the most recently updated first."""
    rows, _ = await catalog.list_rows(
        Prompt, user, resource="prompt", columns=_COLUMNS, table="prompt", where="t.is_active = TRUE"
    )
    return rows


async def list_prompt_page(
    catalog: RecordCatalog,
    user: User,
    *,
    query: str | None,
    view_option: str | None,
    tag: str | None,
    order_by: str | None,
    direction: str | None,
    page: int,
) -> tuple[list[Prompt], int]:
    """Return a page of the prompts that a user may read and that match the filters, and how many match in all.

    Pages are counted from 1; the filters are those of `listing`.
    """
    matches = build_listing(
        user,
        ["t.name", "t.command", "t.content"],
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
    )
    if tag:
        dialect = catalog.db.dialect
        matches.where += f" AND {_HAS_TAG[dialect]}"
        matches.params["tag"] = tag.lower() if dialect == "postgres" else escape_like(tag)
    return await catalog.list_rows(
        Prompt,
        user,
        resource="prompt",
        columns=_COLUMNS,
        table="prompt",
        where=matches.where,
        order=matches.order,
        page=(PAGE, (max(page, 1) - 1) * PAGE),
        **matches.params,
    )


async def list_tags(catalog: RecordCatalog, user: User) -> list[str]:
    """Return the tags of the active prompts that a user may read, sorted."""
    rows, _ = await catalog.list_rows(
        _Tags, user, resource="prompt", columns="t.tags", table="prompt", where="t.is_active = TRUE"
    )
    return sorted({tag for row in rows for tag in row.tags or () if tag})


async def find_prompt(db: Executor, prompt_id: str) -> Prompt | None:
    return await db.fetch_first(Prompt, "prompts.get", FIND_PROMPT, id=prompt_id)


async def find_id_by_command(db: Executor, command: str) -> str | None:
    """Return the id of the prompt with this command, or None."""
    prompt_id: str | None = await db.fetch_value("prompts.id_by_command", FIND_ID_BY_COMMAND, command=command)
    return prompt_id


async def insert_prompt(tx: Executor, prompt_id: str, user_id: str, **fields: Any) -> None:
    """Insert a prompt; `fields` are its other columns."""
    await tx.execute(
        "prompts.insert",
        INSERT_PROMPT,
        id=prompt_id,
        user_id=user_id,
        now=int(time.time()),
        **_UPDATABLE.encode_values(fields),
    )


async def update_prompt(tx: Executor, prompt_id: str, **fields: Any) -> None:
    """Update columns of a prompt; the values of JSON columns are objects."""
    await _UPDATABLE.update_row(tx, prompt_id, fields)


async def delete_prompt(tx: Executor, prompt_id: str) -> None:
    await tx.execute("prompts.delete", DELETE_PROMPT, id=prompt_id)
