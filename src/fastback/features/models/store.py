"""Workspace models: rows of `model`, their history and lists."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.access.grants import granted
from fastback.kit.db import Executor
from fastback.providers.model_rows import COLUMNS, ModelRow

PAGE = 30
_ORDERS = {"name": "lower(m.name)", "created_at": "m.created_at", "updated_at": "m.updated_at"}


def _prefixed() -> str:
    return ", ".join(f"m.{one.strip()}" for one in COLUMNS.split(","))


async def page(
    db: Executor,
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
    """Workspace models a user may read, 30 a page, and how many there are."""
    where = ["m.base_model_id IS NOT NULL"]
    params: dict[str, Any] = {}
    if not sees_all:
        where.append(f"(m.user_id = :user_id OR {granted('model', 'm.id')})")
        params |= {"user_id": user_id, "group_ids": group_ids, "permission": "read"}
    if query:
        where.append("(lower(m.name) LIKE :query OR lower(m.base_model_id) LIKE :query OR lower(m.id) LIKE :query)")
        params["query"] = f"%{query.lower()}%"
    if tag:
        where.append("lower(m.meta) LIKE :tag")
        params["tag"] = f'%"name":%"{tag.lower()}"%'
    if view in ("created", "shared"):
        where.append("m.user_id = :owner" if view == "created" else "m.user_id <> :owner")
        params["owner"] = user_id
    condition = " AND ".join(where)
    total = await db.scalar("models.count", f"SELECT count(*) FROM model m WHERE {condition}", **params)
    column = _ORDERS.get(order_by or "", "m.created_at")
    way = "ASC" if direction == "asc" else "DESC"
    rows = await db.all(
        ModelRow,
        "models.page",
        f"SELECT {_prefixed()} FROM model m WHERE {condition} ORDER BY {column} {way}, m.id LIMIT {PAGE} OFFSET :skip",
        skip=(max(page, 1) - 1) * PAGE,
        **params,
    )
    return rows, int(total or 0)


async def of_kind(db: Executor, *, base: bool) -> list[ModelRow]:
    """Workspace models, or what administrators said of base models."""
    condition = "IS NULL" if base else "IS NOT NULL"
    return await db.all(
        ModelRow, "models.of_kind", f"SELECT {_prefixed()} FROM model m WHERE m.base_model_id {condition}"
    )


async def insert(tx: Executor, row: ModelRow) -> None:
    await tx.execute(
        "models.insert",
        """INSERT INTO model (id, version_id, user_id, base_model_id, name, params, meta, is_active, updated_at, created_at)
           VALUES (:id, :version_id, :user_id, :base_model_id, :name, :params, :meta, :is_active, :updated_at, :created_at)""",
        **_values(row),
    )


async def update(tx: Executor, row: ModelRow) -> None:
    await tx.execute(
        "models.update",
        """UPDATE model SET version_id = :version_id, base_model_id = :base_model_id, name = :name, params = :params,
               meta = :meta, is_active = :is_active, updated_at = :updated_at WHERE id = :id""",
        **{key: value for key, value in _values(row).items() if key not in ("user_id", "created_at")},
    )


def _values(row: ModelRow) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    values["params"] = msgspec.json.encode(row.params or {}).decode()
    values["meta"] = msgspec.json.encode(row.meta or {}).decode()
    return values


async def remember(
    tx: Executor, row: ModelRow, user_id: str, *, parent_id: str | None, snapshot: dict[str, Any]
) -> str:
    """Write a version into the history; its id."""
    version = str(uuid.uuid4())
    await tx.execute(
        "models.remember",
        """INSERT INTO model_history (id, model_id, parent_id, snapshot, user_id, commit_message, created_at)
           VALUES (:id, :model_id, :parent_id, :snapshot, :user_id, NULL, :now)""",
        id=version,
        model_id=row.id,
        parent_id=parent_id,
        snapshot=msgspec.json.encode(snapshot).decode(),
        user_id=user_id,
        now=int(time.time()),
    )
    return version


async def delete(tx: Executor, model_id: str) -> None:
    await tx.execute("models.delete_history", "DELETE FROM model_history WHERE model_id = :id", id=model_id)
    await tx.execute(
        "models.delete_grants",
        "DELETE FROM access_grant WHERE resource_type = 'model' AND resource_id = :id",
        id=model_id,
    )
    await tx.execute("models.delete", "DELETE FROM model WHERE id = :id", id=model_id)


class Owner(msgspec.Struct):
    """Who made a model, as lists show them."""

    id: str
    name: str
    email: str
    role: str
    profile_image_url: str | None


async def owners(db: Executor, user_ids: list[str]) -> dict[str, Owner]:
    rows = await db.all(
        Owner,
        "models.owners",
        'SELECT id, name, email, role, profile_image_url FROM "user" WHERE id = ANY(:ids)',
        ids=list(set(user_ids)),
    )
    return {row.id: row for row in rows}
