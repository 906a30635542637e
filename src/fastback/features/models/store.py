"""Workspace models: rows of `model` and their lists."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec

from fastback.access.grants import granted
from fastback.kit.db import Database, Executor
from fastback.providers.model_rows import COLUMNS, ModelRow

PAGE = 30
_ORDERS = {"name": "m.name", "created_at": "m.created_at", "updated_at": "m.updated_at"}
#: SQLite knows the order within a second, too.
_AS_MADE = {"sqlite": "m.rowid", "postgres": "m.created_at, m.id"}
_FOUND = " OR ".join(
    f"lower({column}) LIKE lower(:query)" for column in ("m.name", "m.base_model_id", "u.name", "u.email", "u.username")
)


def _prefixed() -> str:
    return ", ".join(f"m.{one.strip()}" for one in COLUMNS.split(","))


def _escaped(text: str) -> str:
    for char in "!%_":
        text = text.replace(char, f"!{char}")
    return text


async def page(
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
    """Workspace models a user may read, 30 a page, and how many there are.

    Sorted by `order_by`; without it the whole list comes newest first, a part of it in the order in which models were
    made, as in the reference.
    """
    where = ["m.base_model_id IS NOT NULL"]
    params: dict[str, Any] = {}
    if not sees_all:
        where.append(f"(m.user_id = :user_id OR {granted('model', 'm.id')})")
        params |= {"user_id": user_id, "group_ids": group_ids, "permission": "read"}
    if query:
        where.append(f"({_FOUND})")
        params["query"] = f"%{query}%"
    if tag:
        # Open WebUI writes what is not ASCII as escapes, we as it is.
        plain = msgspec.json.encode(tag.lower()).decode()
        where.append("(lower(m.meta) LIKE :tag ESCAPE '!' OR lower(m.meta) LIKE :tag_ascii ESCAPE '!')")
        params["tag"] = f"%{_escaped(plain)}%"
        params["tag_ascii"] = f"%{_escaped(json.dumps(tag.lower()))}%"
    if view in ("created", "shared"):
        where.append("m.user_id = :owner" if view == "created" else "m.user_id <> :owner")
        params["owner"] = user_id
    source = f'FROM model m LEFT JOIN "user" u ON u.id = m.user_id WHERE {" AND ".join(where)}'
    total = await db.fetch_value("models.count", f"SELECT count(*) {source}", **params)
    whole = sees_all and not (query or tag or view or order_by or direction)
    if order_by in _ORDERS:
        order = f"{_ORDERS[order_by]} {'ASC' if direction == 'asc' else 'DESC'}, m.id"
    else:
        order = "m.created_at DESC, m.id" if whole else _AS_MADE[db.dialect]
    rows = await db.fetch_all(
        ModelRow,
        "models.page",
        f"SELECT {_prefixed()} {source} ORDER BY {order} LIMIT {PAGE} OFFSET :skip",
        skip=(max(page, 1) - 1) * PAGE,
        **params,
    )
    return rows, int(total or 0)


async def of_kind(db: Executor, *, base: bool) -> list[ModelRow]:
    """Workspace models, or what administrators said of base models."""
    condition = "IS NULL" if base else "IS NOT NULL"
    return await db.fetch_all(
        ModelRow, "models.of_kind", f"SELECT {_prefixed()} FROM model m WHERE m.base_model_id {condition}"
    )


async def by_ids(db: Executor, ids: list[str]) -> list[ModelRow]:
    return await db.fetch_all(ModelRow, "models.by_ids", f"SELECT {COLUMNS} FROM model WHERE id = ANY(:ids)", ids=ids)


class Face(msgspec.Struct):
    """What a model's picture needs."""

    meta: dict[str, Any] | None
    user_id: str | None
    updated_at: int | None


async def face(db: Executor, model_id: str) -> Face | None:
    return await db.fetch_first(
        Face, "models.face", "SELECT meta, user_id, updated_at FROM model WHERE id = :id", id=model_id
    )


async def insert(tx: Executor, row: ModelRow) -> None:
    await tx.execute(
        "models.insert",
        """INSERT INTO model
               (id, version_id, user_id, base_model_id, name, params, meta, is_active, updated_at, created_at)
           VALUES (:id, :version_id, :user_id, :base_model_id, :name, :params, :meta, :is_active, :updated_at,
               :created_at)""",
        **_values(row),
    )


async def update(tx: Executor, row: ModelRow, *, version: str | None) -> bool:
    """Write a row whose version is still `version`; whether it was."""
    values = {key: value for key, value in _values(row).items() if key not in ("user_id", "created_at")}
    changed = await tx.execute(
        "models.update",
        """UPDATE model SET version_id = :version_id, base_model_id = :base_model_id, name = :name, params = :params,
               meta = :meta, is_active = :is_active, updated_at = :updated_at
           WHERE id = :id AND (version_id = :version OR (version_id IS NULL AND CAST(:version AS TEXT) IS NULL))""",
        version=version,
        **values,
    )
    return changed == 1


async def toggle(db: Executor, model_id: str) -> None:
    await db.execute(
        "models.toggle",
        "UPDATE model SET is_active = NOT is_active, updated_at = :now WHERE id = :id",
        id=model_id,
        now=int(time.time()),
    )


async def touch(tx: Executor, model_id: str) -> None:
    await tx.execute(
        "models.touch", "UPDATE model SET updated_at = :now WHERE id = :id", id=model_id, now=int(time.time())
    )


def _values(row: ModelRow) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    values["params"] = msgspec.json.encode(row.params or {}).decode()
    values["meta"] = msgspec.json.encode(row.meta or {}).decode()
    return values


async def delete(tx: Executor, model_id: str) -> None:
    await tx.execute("models.delete_history", "DELETE FROM model_history WHERE model_id = :id", id=model_id)
    await tx.execute(
        "models.delete_grants",
        "DELETE FROM access_grant WHERE resource_type = 'model' AND resource_id = :id",
        id=model_id,
    )
    await tx.execute("models.delete", "DELETE FROM model WHERE id = :id", id=model_id)


async def delete_all(tx: Executor) -> None:
    await tx.execute("models.delete_all_history", "DELETE FROM model_history")
    await tx.execute("models.delete_all_grants", "DELETE FROM access_grant WHERE resource_type = 'model'")
    await tx.execute("models.delete_all", "DELETE FROM model")


class Owner(msgspec.Struct):
    """Who made a model, as lists show them."""

    id: str
    name: str
    role: str
    email: str


async def owners(db: Executor, user_ids: list[str]) -> dict[str, Owner]:
    rows = await db.fetch_all(
        Owner,
        "models.owners",
        'SELECT id, name, role, email FROM "user" WHERE id = ANY(:ids)',
        ids=list(set(user_ids)),
    )
    return {row.id: row for row in rows}
