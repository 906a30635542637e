"""Rows of `model`: workspace models, and overrides of base models, and lists of them."""

from __future__ import annotations

import functools
import json
import time
from typing import Any

import msgspec

from fastback.access.grants import build_granted_ids
from fastback.kit.db import Database, Executor
from fastback.kit.storable_text import encode_json
from fastback.providers.model_store import COLUMNS, ModelRow
from fastback.records.listing import PageEntry

#: Rows on a page of the list.
PAGE = 30

_PREFIXED_COLUMNS = ", ".join(f"m.{column.strip()}" for column in COLUMNS.split(","))
_ORDERS = {"name": "m.name", "created_at": "m.created_at", "updated_at": "m.updated_at"}
#: The order in which models were created; SQLite knows it also within a second.
_CREATION_ORDER = {"sqlite": "m.rowid", "postgres": "m.created_at, m.id"}
_MATCHES_QUERY = " OR ".join(
    f"lower({column}) LIKE lower(:query)" for column in ("m.name", "m.base_model_id", "u.name", "u.email", "u.username")
)

LIST_WORKSPACE_MODELS = f"SELECT {_PREFIXED_COLUMNS} FROM model m WHERE m.base_model_id IS NOT NULL"
LIST_BASE_MODELS = f"SELECT {_PREFIXED_COLUMNS} FROM model m WHERE m.base_model_id IS NULL"
LIST_BY_IDS = f"SELECT {COLUMNS} FROM model WHERE id = ANY(:ids)"
FIND_PROFILE = "SELECT meta, user_id, updated_at FROM model WHERE id = :id"
INSERT_MODEL = """INSERT INTO model
        (id, version_id, user_id, base_model_id, name, params, meta, is_active, updated_at, created_at)
    VALUES (:id, :version_id, :user_id, :base_model_id, :name, :params, :meta, :is_active, :updated_at, :created_at)"""
UPDATE_MODEL = """UPDATE model SET version_id = :version_id, base_model_id = :base_model_id, name = :name,
        params = :params, meta = :meta, is_active = :is_active, updated_at = :updated_at
    WHERE id = :id AND (version_id = :version OR (version_id IS NULL AND CAST(:version AS TEXT) IS NULL))"""
TOGGLE_MODEL = "UPDATE model SET is_active = NOT is_active, updated_at = :now WHERE id = :id"
TOUCH_MODEL = "UPDATE model SET updated_at = :now WHERE id = :id"
DELETE_MODEL = "DELETE FROM model WHERE id = :id"
DELETE_ALL_MODELS = "DELETE FROM model"
DELETE_ALL_REVISIONS = "DELETE FROM model_history"
DELETE_ALL_GRANTS = "DELETE FROM access_grant WHERE resource_type = 'model'"


class ModelProfile(msgspec.Struct):
    """What the route of a model's picture needs."""

    meta: dict[str, Any] | None
    user_id: str | None
    updated_at: int | None


def _escape_like(text: str) -> str:
    for char in "!%_":
        text = text.replace(char, f"!{char}")
    return text


@functools.cache
def _build_page_statements(
    *,
    sees_all: bool,
    has_query: bool,
    has_tag: bool,
    owner_operator: str,
    order: str,
) -> tuple[str, str]:
    """Return the statements that count the matching models, and that read the ids of a page with their number.

    `owner_operator` compares a model's owner with the user: `=`, `<>`, or empty for no such condition.
    """
    where = ["m.base_model_id IS NOT NULL"]
    if not sees_all:
        where.append(f"(m.user_id = :user_id OR m.id IN ({build_granted_ids('model')}))")
    if has_query:
        where.append(f"({_MATCHES_QUERY})")
    if has_tag:
        where.append("(lower(m.meta) LIKE :tag ESCAPE '!' OR lower(m.meta) LIKE :tag_ascii ESCAPE '!')")
    if owner_operator:
        where.append(f"m.user_id {owner_operator} :owner")
    source = f'FROM model m LEFT JOIN "user" u ON u.id = m.user_id WHERE {" AND ".join(where)}'
    return (
        f"SELECT count(*) {source}",
        f"SELECT m.id, count(*) OVER () {source} ORDER BY {order} LIMIT {PAGE} OFFSET :skip",
    )


async def list_model_page(
    db: Database,
    *,
    user_id: str,
    group_ids: list[str],
    sees_all: bool,
    query: str | None,
    tag: str | None,
    view: str | None,
    order_by: str | None,
    direction: str | None,
    page: int,
) -> tuple[list[ModelRow], int]:
    """Return a page of the workspace models that a user may read, and how many there are in all.

    Pages have 30 rows and are counted from 1. Without `order_by` the unfiltered list begins with the newest model, a
    filtered list with the oldest, as in the reference.
    """
    params: dict[str, Any] = {}
    if not sees_all:
        params |= {"user_id": user_id, "group_ids": group_ids, "permission": "read"}
    if query:
        params["query"] = f"%{query}%"
    if tag:
        # Open WebUI stores non-ASCII characters as JSON escapes, Fastback stores them as they are.
        plain = encode_json(tag.lower())
        params["tag"] = f"%{_escape_like(plain)}%"
        params["tag_ascii"] = f"%{_escape_like(json.dumps(tag.lower()))}%"
    owner_operator = {"created": "=", "shared": "<>"}.get(view or "", "")
    if owner_operator:
        params["owner"] = user_id
    if order_by in _ORDERS:
        order = f"{_ORDERS[order_by]} {'ASC' if direction == 'asc' else 'DESC'}, m.id"
    elif sees_all and not (query or tag or view or order_by or direction):
        order = "m.created_at DESC, m.id"
    else:
        order = _CREATION_ORDER[db.dialect]
    count_text, page_text = _build_page_statements(
        sees_all=sees_all, has_query=bool(query), has_tag=bool(tag), owner_operator=owner_operator, order=order
    )
    skip = (max(page, 1) - 1) * PAGE
    entries = await db.fetch_all_in_thread(PageEntry, "models.page_ids", page_text, skip=skip, **params)
    if not entries:
        return [], (await db.fetch_all_in_thread(int, "models.count", count_text, **params))[0] if skip else 0
    rows = {row.id: row for row in await list_by_ids(db, [entry.id for entry in entries])}
    return [rows[entry.id] for entry in entries if entry.id in rows], entries[0].total


async def list_workspace_models(db: Executor) -> list[ModelRow]:
    return await db.fetch_all(ModelRow, "models.workspace", LIST_WORKSPACE_MODELS)


async def list_base_models(db: Executor) -> list[ModelRow]:
    """Return the overrides that administrators stored for base models."""
    return await db.fetch_all(ModelRow, "models.base", LIST_BASE_MODELS)


async def list_by_ids(db: Executor, ids: list[str]) -> list[ModelRow]:
    return await db.fetch_all(ModelRow, "models.by_ids", LIST_BY_IDS, ids=ids)


async def find_profile(db: Executor, model_id: str) -> ModelProfile | None:
    return await db.fetch_first(ModelProfile, "models.profile", FIND_PROFILE, id=model_id)


async def insert_model(tx: Executor, row: ModelRow) -> None:
    await tx.execute("models.insert", INSERT_MODEL, **_encode_row(row))


async def update_model(tx: Executor, row: ModelRow, *, version: str | None) -> bool:
    """Update a row if its stored revision is still `version`; return whether it was."""
    values = {key: value for key, value in _encode_row(row).items() if key not in ("user_id", "created_at")}
    changed_rows = await tx.execute("models.update", UPDATE_MODEL, version=version, **values)
    return changed_rows == 1


async def toggle_model(db: Executor, model_id: str) -> None:
    """Activate an inactive model, deactivate an active one."""
    await db.execute("models.toggle", TOGGLE_MODEL, id=model_id, now=int(time.time()))


async def touch_model(tx: Executor, model_id: str) -> None:
    """Set the time of a model's last update to now."""
    await tx.execute("models.touch", TOUCH_MODEL, id=model_id, now=int(time.time()))


def _encode_row(row: ModelRow) -> dict[str, Any]:
    """Return the columns of a row, JSON as text."""
    values = msgspec.structs.asdict(row)
    values["params"] = encode_json(row.params or {})
    values["meta"] = encode_json(row.meta or {})
    return values


async def delete_model(tx: Executor, model_id: str) -> None:
    """Delete the row of a model, without its revisions and grants."""
    await tx.execute("models.delete", DELETE_MODEL, id=model_id)


async def delete_all_models(tx: Executor) -> None:
    """Delete all models with their revisions and grants."""
    await tx.execute("models.delete_all_history", DELETE_ALL_REVISIONS)
    await tx.execute("models.delete_all_grants", DELETE_ALL_GRANTS)
    await tx.execute("models.delete_all", DELETE_ALL_MODELS)
