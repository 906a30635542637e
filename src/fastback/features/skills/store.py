"""Rows of `skill`. Files may be large: they are read and decoded apart, in a thread."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.features.skills.schemas import SkillFile
from fastback.kit.db import Database, Executor
from fastback.records.revision_store import Snapshot

Fields = dict[str, Any]


class Skill(msgspec.Struct):
    """A skill without its files."""

    id: str
    version_id: str | None
    user_id: str
    name: str
    description: str | None
    meta: Fields | None
    is_active: bool
    updated_at: int
    created_at: int

    @property
    def shown_meta(self) -> Fields:
        """The meta as answers show it: its two fields."""
        meta = self.meta or {}
        return {"i18n": meta.get("i18n"), "tags": meta.get("tags", [])}


class _Content(msgspec.Struct):
    content: str
    data: msgspec.Raw


class Content(msgspec.Struct):
    """What a skill holds: its instructions, and all its files."""

    content: str
    files: list[SkillFile]
    #: `{"files": […]}` as it is kept.
    data: msgspec.Raw


#: The columns of `Skill`, of a table known as `t`.
COLUMNS = "t.id, t.version_id, t.user_id, t.name, t.description, t.meta, t.is_active, t.updated_at, t.created_at"


async def get(db: Executor, skill_id: str) -> Skill | None:
    return await db.fetch_first(Skill, "skills.get", f"SELECT {COLUMNS} FROM skill t WHERE t.id = :id", id=skill_id)


async def holder(db: Executor, name: str) -> str | None:
    """The id of the skill with this name."""
    found: str | None = await db.fetch_value("skills.holder", "SELECT id FROM skill WHERE name = :name", name=name)
    return found


async def instructions(db: Executor, skill_id: str) -> str:
    found = await db.fetch_value("skills.instructions", "SELECT content FROM skill WHERE id = :id", id=skill_id)
    return str(found or "")


class _Data(msgspec.Struct):
    files: list[SkillFile]


def files_of(data: Any) -> list[SkillFile]:
    """The files of a decoded `data`."""
    return msgspec.convert(data, _Data).files


async def content(db: Database, skill_id: str) -> Content:
    """Raises: LookupError, when there is no such skill."""
    rows = await db.fetch_all_in_thread(
        _Content, "skills.content", "SELECT content, data FROM skill WHERE id = :id", id=skill_id
    )
    if not rows:
        raise LookupError(skill_id)
    (row,) = rows

    def decoded() -> Content:
        data = msgspec.json.decode(row.data)
        found = files_of(data) if data else [SkillFile("SKILL.md", row.content)]
        return Content(row.content, found, row.data)

    return await asyncio.to_thread(decoded)


def answer(row: Skill, grants: list[Grant]) -> Fields:
    """A skill without what it holds."""
    return {
        "version_id": row.version_id,
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "description": row.description,
        "meta": row.shown_meta,
        "is_active": row.is_active,
        "access_grants": grants,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
    }


def full(row: Skill, held: Content, grants: list[Grant]) -> Fields:
    """A skill with all it holds."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "description": row.description,
        "content": held.content,
        "data": held.data,
        "version_id": row.version_id,
        "meta": row.shown_meta,
        "is_active": row.is_active,
        "access_grants": grants,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
    }


async def insert(
    tx: Executor, skill_id: str, user_id: str, kept: Snapshot, *, version_id: str, is_active: bool
) -> None:
    await tx.execute(
        "skills.insert",
        """INSERT INTO skill (id, user_id, name, description, content, data, version_id, meta, is_active, updated_at,
               created_at)
           VALUES (:id, :user_id, :name, :description, :content, :data, :version_id, :meta, :is_active, :now, :now)""",
        id=skill_id,
        user_id=user_id,
        version_id=version_id,
        is_active=is_active,
        now=int(time.time()),
        **_held(kept),
    )


async def hold(tx: Executor, skill_id: str, kept: Snapshot, *, version_id: str) -> None:
    """Make a skill hold what a version keeps."""
    await tx.execute(
        "skills.hold",
        """UPDATE skill SET name = :name, description = :description, content = :content, data = :data, meta = :meta,
               version_id = :version_id, updated_at = :now WHERE id = :id""",
        id=skill_id,
        version_id=version_id,
        now=int(time.time()),
        **_held(kept),
    )


def _held(kept: Snapshot) -> Fields:
    found = {name: kept.get(name) for name in ("name", "description", "content")}
    return {**found, **{name: msgspec.json.encode(kept.get(name)).decode() for name in ("data", "meta")}}


async def switch(tx: Executor, skill_id: str, *, is_active: bool) -> None:
    await tx.execute(
        "skills.switch",
        "UPDATE skill SET is_active = :is_active, updated_at = :now WHERE id = :id",
        id=skill_id,
        is_active=is_active,
        now=int(time.time()),
    )


async def delete(tx: Executor, skill_id: str) -> None:
    await tx.execute("skills.delete", "DELETE FROM skill WHERE id = :id", id=skill_id)
