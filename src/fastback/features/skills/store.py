"""Rows of `skill`. Files may be large: they are read and decoded in a thread."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.access.identity import User
from fastback.features.skills.schemas import SkillFile
from fastback.kit.db import Database, Executor
from fastback.kit.storable_text import encode_json
from fastback.records.listing import OWNER_LIKE, RecordCatalog, build_listing, escape_like, list_json_spellings
from fastback.records.revision_store import Snapshot

Fields = dict[str, Any]

#: Rows on a page of the list.
PAGE = 30


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
        """Return the meta as responses show it: its two known fields."""
        meta = self.meta or {}
        return {"i18n": meta.get("i18n"), "tags": meta.get("tags", [])}


class SkillListItem(msgspec.Struct):
    """A skill as lists show it: JSON undecoded."""

    version_id: str | None
    id: str
    user_id: str
    name: str
    description: str | None
    meta: msgspec.Raw
    is_active: bool
    updated_at: int
    created_at: int


class _ContentRow(msgspec.Struct):
    content: str
    data: msgspec.Raw


class Content(msgspec.Struct):
    """The content of a skill: its instructions, and all its files."""

    content: str
    files: list[SkillFile]
    #: `{"files": […]}` as it is stored.
    data: msgspec.Raw


#: The columns of `Skill`.
_COLUMNS = "t.id, t.version_id, t.user_id, t.name, t.description, t.meta, t.is_active, t.updated_at, t.created_at"
#: The columns of `SkillListItem`.
_LIST_COLUMNS = "t.version_id, t.id, t.user_id, t.name, t.description, t.meta, t.is_active, t.updated_at, t.created_at"

FIND_SKILL = f"SELECT {_COLUMNS} FROM skill t WHERE t.id = :id"
HAS_ACTIVE_SKILL = "SELECT EXISTS (SELECT 1 FROM skill WHERE is_active = TRUE)"
FIND_ID_BY_NAME = "SELECT id FROM skill WHERE name = :name"
LOAD_INSTRUCTIONS = "SELECT content FROM skill WHERE id = :id"
LOAD_CONTENT = "SELECT content, data FROM skill WHERE id = :id"
INSERT_SKILL = """INSERT INTO skill
        (id, user_id, name, description, content, data, version_id, meta, is_active, updated_at, created_at)
    VALUES (:id, :user_id, :name, :description, :content, :data, :version_id, :meta, :is_active, :now, :now)"""
APPLY_SNAPSHOT = """UPDATE skill SET name = :name, description = :description, content = :content, data = :data,
        meta = :meta, version_id = :version_id, updated_at = :now
    WHERE id = :id"""
SET_ACTIVE = "UPDATE skill SET is_active = :is_active, updated_at = :now WHERE id = :id"
DELETE_SKILL = "DELETE FROM skill WHERE id = :id"


async def list_readable_items(catalog: RecordCatalog, user: User) -> list[SkillListItem]:
    """Return the skills that a user may read, as lists show them, the most recently updated first."""
    rows, _ = await catalog.list_rows(SkillListItem, user, resource="skill", columns=_LIST_COLUMNS, table="skill")
    return rows


async def list_readable_skills(catalog: RecordCatalog, user: User) -> list[Skill]:
    """Return the skills that a user may read, the most recently updated first."""
    rows, _ = await catalog.list_rows(Skill, user, resource="skill", columns=_COLUMNS, table="skill")
    return rows


async def list_offered_skills(catalog: RecordCatalog, user: User) -> list[Skill]:
    """Return the active skills that a user owns or was granted, by id; administrators get no others, either."""
    if not await catalog.db.fetch_value("skills.has_active", HAS_ACTIVE_SKILL):
        return []  # without a thread and the user's groups
    rows, _ = await catalog.list_rows(
        Skill,
        user,
        resource="skill",
        columns=_COLUMNS,
        table="skill",
        where="t.is_active = TRUE",
        order="t.id",
        all_to_admins=False,
    )
    return sorted(rows, key=lambda row: row.id)


async def list_item_page(
    catalog: RecordCatalog,
    user: User,
    *,
    query: str | None,
    view_option: str | None,
    order_by: str | None,
    direction: str | None,
    page: int,
) -> tuple[list[SkillListItem], int]:
    """Return a page of the skills that a user may read and that match the filters, and how many match in all.

    Pages are counted from 1; the filters are those of `build_listing`, and `query` matches tags, too.
    """
    matches = build_listing(
        user,
        ["t.name", "t.description", "t.id"],
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
    )
    if query:
        # Tags are part of the JSON in `meta`, whose text may hold them in either spelling.
        conditions = []
        for index, spelling in enumerate(list_json_spellings(query)):
            conditions.append(f"lower(CAST(t.meta AS TEXT)) LIKE lower(:meta_{index}) ESCAPE '\\'")
            matches.params[f"meta_{index}"] = f"%{escape_like(spelling)}%"
        matches.where = matches.where.replace(OWNER_LIKE, f"{OWNER_LIKE} OR {' OR '.join(conditions)}")
    return await catalog.list_rows(
        SkillListItem,
        user,
        resource="skill",
        columns=_LIST_COLUMNS,
        table="skill",
        where=matches.where,
        order=matches.order,
        page=(PAGE, (max(page, 1) - 1) * PAGE),
        **matches.params,
    )


async def find_skill(db: Executor, skill_id: str) -> Skill | None:
    return await db.fetch_first(Skill, "skills.get", FIND_SKILL, id=skill_id)


async def find_id_by_name(db: Executor, name: str) -> str | None:
    """Return the id of the skill with this name, or None."""
    skill_id: str | None = await db.fetch_value("skills.id_by_name", FIND_ID_BY_NAME, name=name)
    return skill_id


async def load_instructions(db: Executor, skill_id: str) -> str:
    """Return the text of the skill's main file; an empty text if there is no such skill."""
    return str(await db.fetch_value("skills.instructions", LOAD_INSTRUCTIONS, id=skill_id) or "")


class _Data(msgspec.Struct):
    files: list[SkillFile]


def convert_files(data: Any) -> list[SkillFile]:
    """Return the files of a decoded `data` column."""
    return msgspec.convert(data, _Data).files


async def load_content(db: Database, skill_id: str) -> Content:
    """Return the instructions and files of a skill.

    Raises:
        LookupError: there is no such skill.
    """
    rows = await db.fetch_all_in_thread(_ContentRow, "skills.content", LOAD_CONTENT, id=skill_id)
    if not rows:
        raise LookupError(skill_id)
    (row,) = rows

    def decode_content() -> Content:
        data = msgspec.json.decode(row.data)
        files = convert_files(data) if data else [SkillFile("SKILL.md", row.content)]
        return Content(row.content, files, row.data)

    return await asyncio.to_thread(decode_content)


def serialize_summary(row: Skill, grants: list[Grant]) -> Fields:
    """Return a skill without its content, as responses show it."""
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


def serialize_skill(row: Skill, content: Content, grants: list[Grant]) -> Fields:
    """Return a skill with its content, as responses show it."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "description": row.description,
        "content": content.content,
        "data": content.data,
        "version_id": row.version_id,
        "meta": row.shown_meta,
        "is_active": row.is_active,
        "access_grants": grants,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
    }


async def insert_skill(
    tx: Executor, skill_id: str, user_id: str, snapshot: Snapshot, *, version_id: str, is_active: bool
) -> None:
    """Insert a skill whose content is that of its first revision."""
    await tx.execute(
        "skills.insert",
        INSERT_SKILL,
        id=skill_id,
        user_id=user_id,
        version_id=version_id,
        is_active=is_active,
        now=int(time.time()),
        **_encode_snapshot(snapshot),
    )


async def apply_snapshot(tx: Executor, skill_id: str, snapshot: Snapshot, *, version_id: str) -> None:
    """Write the content of a revision into the skill."""
    await tx.execute(
        "skills.apply_snapshot",
        APPLY_SNAPSHOT,
        id=skill_id,
        version_id=version_id,
        now=int(time.time()),
        **_encode_snapshot(snapshot),
    )


def _encode_snapshot(snapshot: Snapshot) -> Fields:
    """Return the columns of a revision's content, JSON as text."""
    texts = {name: snapshot.get(name) for name in ("name", "description", "content")}
    return {**texts, **{name: encode_json(snapshot.get(name)) for name in ("data", "meta")}}


async def set_active(tx: Executor, skill_id: str, *, is_active: bool) -> None:
    await tx.execute("skills.set_active", SET_ACTIVE, id=skill_id, is_active=is_active, now=int(time.time()))


async def delete_skill(tx: Executor, skill_id: str) -> None:
    await tx.execute("skills.delete", DELETE_SKILL, id=skill_id)
