"""Versions of workspace models: rows of `model_history`. A version is never changed; the model names the one in use."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Executor

PAGE = 20

Snapshot = dict[str, Any]


class Author(msgspec.Struct):
    name: str


class Version(msgspec.Struct):
    """A version as lists show it."""

    id: str
    model_id: str
    parent_id: str | None
    user_id: str
    commit_message: str | None
    created_at: int
    user: Author | None


class FullVersion(Version):
    snapshot: Snapshot


class _Row(msgspec.Struct):
    id: str
    model_id: str
    parent_id: str | None
    user_id: str
    commit_message: str | None
    created_at: int
    author: str | None


class _FullRow(_Row):
    snapshot: Snapshot


_COLUMNS = "h.id, h.model_id, h.parent_id, h.user_id, h.commit_message, h.created_at, u.name AS author"
_SOURCE = 'FROM model_history h LEFT JOIN "user" u ON u.id = h.user_id'


def snapshot(name: Any, base_model_id: str | None, params: dict[str, Any], meta: dict[str, Any]) -> Snapshot:
    """What a version keeps of a model: not whether it is shown, and nothing that follows from the rest."""
    kept = {key: value for key, value in meta.items() if key not in ("hidden", "chat_variables_schema")}
    return {"name": name, "base_model_id": base_model_id, "params": params, "meta": kept}


async def add(
    tx: Executor, model_id: str, kept: Snapshot, user_id: str, *, parent_id: str | None, message: str | None
) -> str:
    """Write a version; its id."""
    version = str(uuid.uuid4())
    await tx.execute(
        "model_history.add",
        """INSERT INTO model_history (id, model_id, parent_id, snapshot, user_id, commit_message, created_at)
           VALUES (:id, :model_id, :parent_id, :snapshot, :user_id, :message, :now)""",
        id=version,
        model_id=model_id,
        parent_id=parent_id,
        snapshot=msgspec.json.encode(kept).decode(),
        user_id=user_id,
        message=message,
        now=int(time.time()),
    )
    return version


def _shown(row: _Row) -> dict[str, Any]:
    found = msgspec.structs.asdict(row)
    author = found.pop("author")
    found["user"] = Author(author) if author else None
    return found


async def page(db: Executor, model_id: str, page: int) -> list[Version]:
    """Versions of a model, newest first, 20 a page, pages counted from 1."""
    rows = await db.all(
        _Row,
        "model_history.page",
        f"SELECT {_COLUMNS} {_SOURCE} WHERE h.model_id = :id ORDER BY h.created_at DESC, h.id DESC "
        f"LIMIT {PAGE} OFFSET :skip",
        id=model_id,
        skip=(max(page, 1) - 1) * PAGE,
    )
    return [Version(**_shown(row)) for row in rows]


async def get(db: Executor, model_id: str, version_id: str) -> FullVersion | None:
    row = await db.first(
        _FullRow,
        "model_history.get",
        f"SELECT {_COLUMNS}, h.snapshot {_SOURCE} WHERE h.model_id = :model_id AND h.id = :id",
        model_id=model_id,
        id=version_id,
    )
    return FullVersion(**_shown(row)) if row is not None else None


async def exists(tx: Executor, model_id: str, version_id: str) -> bool:
    found = await tx.scalar(
        "model_history.exists",
        "SELECT 1 FROM model_history WHERE model_id = :model_id AND id = :id",
        model_id=model_id,
        id=version_id,
    )
    return bool(found)


async def remove(tx: Executor, model_id: str, version_id: str) -> bool:
    """Delete a version; those that came from it come from its parent. False where there is no such version."""
    parent = await tx.first(
        _Parent,
        "model_history.parent",
        "SELECT parent_id FROM model_history WHERE model_id = :model_id AND id = :id",
        model_id=model_id,
        id=version_id,
    )
    if parent is None:
        return False
    await tx.execute(
        "model_history.adopt",
        "UPDATE model_history SET parent_id = :parent WHERE model_id = :model_id AND parent_id = :id",
        parent=parent.parent_id,
        model_id=model_id,
        id=version_id,
    )
    await tx.execute("model_history.remove", "DELETE FROM model_history WHERE id = :id", id=version_id)
    return True


class _Parent(msgspec.Struct):
    parent_id: str | None
