"""Versions of what people make: rows of `model_history`, `prompt_history`, `tool_history`, …, all of one shape.

A version is never changed; the resource names the one in use in `version_id`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Database, Executor
from fastback.kit.http import BadRequest, NotFound
from fastback.records.listing import people

PAGE = 20

Snapshot = dict[str, Any]
Answer = dict[str, Any]


class Version(msgspec.Struct):
    """A version without what it holds."""

    id: str
    resource_id: str
    parent_id: str | None
    user_id: str
    commit_message: str | None
    created_at: int
    author: str | None


class FullVersion(Version):
    snapshot: Snapshot


class _PackedVersion(Version):
    snapshot: msgspec.Raw


class _Parent(msgspec.Struct):
    parent_id: str | None


class Versions:
    """The versions of one kind of resource; `noun` is the resource's table."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self.table = f"{noun}_history"
        self.owner = f"{noun}_id"
        self._columns = f"h.id, h.{self.owner}, h.parent_id, h.user_id, h.commit_message, h.created_at, u.name"
        self._source = f'FROM {self.table} h LEFT JOIN "user" u ON u.id = h.user_id'

    # -- reading --------------------------------------------------------------------------------------------------

    async def page(self, db: Executor, resource_id: str, page: int) -> list[Answer]:
        """Versions as lists show them, newest first, 20 a page, pages counted from 1."""
        rows = await db.fetch_all(
            Version,
            f"{self.table}.page",
            f"SELECT {self._columns} {self._source} WHERE h.{self.owner} = :id "
            f"ORDER BY h.created_at DESC, h.id DESC LIMIT {PAGE} OFFSET :skip",
            id=resource_id,
            skip=(max(page, 1) - 1) * PAGE,
        )
        return [self.shown(row) for row in rows]

    async def full_page(self, db: Executor, resource_id: str, page: int) -> list[Answer]:
        """Like `page`, with what each version holds and all that lists tell of its author."""
        rows = await db.fetch_all(
            FullVersion,
            f"{self.table}.full_page",
            f"SELECT {self._columns}, h.snapshot {self._source} WHERE h.{self.owner} = :id "
            f"ORDER BY h.created_at DESC, h.id DESC LIMIT {PAGE} OFFSET :skip",
            id=resource_id,
            skip=(max(page, 1) - 1) * PAGE,
        )
        authors = await people(db, [row.user_id for row in rows])
        return [{**self.held(row), "user": authors.get(row.user_id)} for row in rows]

    async def get(self, db: Executor, resource_id: str, version_id: str | None) -> FullVersion | None:
        return await db.fetch_first(
            FullVersion,
            f"{self.table}.get",
            f"SELECT {self._columns}, h.snapshot {self._source} WHERE h.{self.owner} = :resource_id AND h.id = :id",
            resource_id=resource_id,
            id=version_id,
        )

    async def get_long(self, db: Database, resource_id: str, version_id: str | None) -> FullVersion | None:
        """Like `get`, where a version may hold much: it is read and decoded in a thread."""
        rows = await db.fetch_all_in_thread(
            _PackedVersion,
            f"{self.table}.get_long",
            f"SELECT {self._columns}, h.snapshot {self._source} WHERE h.{self.owner} = :resource_id AND h.id = :id",
            resource_id=resource_id,
            id=version_id,
        )
        if not rows:
            return None
        fields = msgspec.structs.asdict(rows[0])
        fields["snapshot"] = await asyncio.to_thread(msgspec.json.decode, fields["snapshot"])
        return FullVersion(**fields)

    async def exists(self, tx: Executor, resource_id: str, version_id: str) -> bool:
        found = await tx.fetch_value(
            f"{self.table}.exists",
            f"SELECT 1 FROM {self.table} WHERE {self.owner} = :resource_id AND id = :id",
            resource_id=resource_id,
            id=version_id,
        )
        return bool(found)

    async def latest(self, tx: Executor, resource_id: str) -> tuple[str | None, int]:
        """The newest version's id and its time (seconds); None and 0 where there is none."""
        found = await tx.fetch_first(
            Version,
            f"{self.table}.latest",
            f"SELECT {self._columns} {self._source} WHERE h.{self.owner} = :id "
            "ORDER BY h.created_at DESC, h.id DESC LIMIT 1",
            id=resource_id,
        )
        return (found.id, found.created_at) if found is not None else (None, 0)

    # -- writing --------------------------------------------------------------------------------------------------

    async def add(
        self,
        tx: Executor,
        resource_id: str,
        kept: Snapshot,
        user_id: str,
        *,
        parent_id: str | None,
        message: str | None,
        created_at: int | None = None,
    ) -> str:
        """Write a version; its id."""
        version = str(uuid.uuid4())
        await tx.execute(
            f"{self.table}.add",
            f"""INSERT INTO {self.table} (id, {self.owner}, parent_id, snapshot, user_id, commit_message, created_at)
               VALUES (:id, :resource_id, :parent_id, :snapshot, :user_id, :message, :now)""",
            id=version,
            resource_id=resource_id,
            parent_id=parent_id,
            snapshot=msgspec.json.encode(kept).decode(),
            user_id=user_id,
            message=message,
            now=created_at or int(time.time()),
        )
        return version

    async def lock(self, tx: Executor, resource_id: str) -> str | None:
        """The version in use; it stays so until the transaction ends."""
        await tx.execute(
            f"{self.table}.lock", f"UPDATE {self.noun} SET version_id = version_id WHERE id = :id", id=resource_id
        )
        found: str | None = await tx.fetch_value(
            f"{self.table}.current", f"SELECT version_id FROM {self.noun} WHERE id = :id", id=resource_id
        )
        return found

    async def remove(self, tx: Executor, resource_id: str, version_id: str) -> bool:
        """Delete a version; those that came from it come from its parent. False where there is no such version."""
        parent = await tx.fetch_first(
            _Parent,
            f"{self.table}.parent",
            f"SELECT parent_id FROM {self.table} WHERE {self.owner} = :resource_id AND id = :id",
            resource_id=resource_id,
            id=version_id,
        )
        if parent is None:
            return False
        await tx.execute(
            f"{self.table}.adopt",
            f"UPDATE {self.table} SET parent_id = :parent WHERE {self.owner} = :resource_id AND parent_id = :id",
            parent=parent.parent_id,
            resource_id=resource_id,
            id=version_id,
        )
        await tx.execute(f"{self.table}.remove", f"DELETE FROM {self.table} WHERE id = :id", id=version_id)
        return True

    async def forget(self, db: Database, resource_id: str, version_id: str) -> None:
        """Delete a version that is not in use.

        Raises:
            BadRequest: it is in use; NotFound: there is none.
        """
        async with db.transaction() as tx:
            if await self.lock(tx, resource_id) == version_id:
                raise BadRequest("Cannot delete the current version")
            if not await self.remove(tx, resource_id, version_id):
                raise NotFound("Version not found")

    async def remove_all(self, tx: Executor, resource_id: str) -> None:
        """Delete every version of a resource."""
        await tx.execute(
            f"{self.table}.remove_all", f"DELETE FROM {self.table} WHERE {self.owner} = :id", id=resource_id
        )

    # -- showing --------------------------------------------------------------------------------------------------

    def shown(self, row: Version) -> Answer:
        """A version as lists show it."""
        return {
            "id": row.id,
            self.owner: row.resource_id,
            "parent_id": row.parent_id,
            "user_id": row.user_id,
            "commit_message": row.commit_message,
            "created_at": row.created_at,
            "user": {"name": row.author} if row.author else None,
        }

    def held(self, row: FullVersion) -> Answer:
        """A version with what it holds, without its author's name."""
        return {
            "id": row.id,
            self.owner: row.resource_id,
            "parent_id": row.parent_id,
            "snapshot": row.snapshot,
            "user_id": row.user_id,
            "commit_message": row.commit_message,
            "created_at": row.created_at,
        }
