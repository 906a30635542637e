"""Revisions of workspace records: rows of `model_history`, `prompt_history`, `tool_history`, …, which share one shape.

A revision never changes; the record names its current revision in `version_id`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Database, Executor
from fastback.kit.db.indexes import Index
from fastback.kit.http import BadRequest, NotFound
from fastback.kit.storable_text import encode_json
from fastback.records.listing import load_user_summaries

#: Revisions on a page.
PAGE_SIZE = 20

Snapshot = dict[str, Any]
Answer = dict[str, Any]


class Revision(msgspec.Struct):
    """A revision without its snapshot."""

    id: str
    resource_id: str
    parent_id: str | None
    user_id: str
    commit_message: str | None
    created_at: int
    author: str | None


class FullRevision(Revision):
    """A revision with its snapshot."""

    snapshot: Snapshot


class _EncodedRevision(Revision):
    snapshot: msgspec.Raw


class _Parent(msgspec.Struct):
    parent_id: str | None


# The statements of one table: `{noun}` is the record's table, `{noun}_history` that of its revisions.
_COLUMNS = "h.id, h.{noun}_id, h.parent_id, h.user_id, h.commit_message, h.created_at, u.name"
_SOURCE = """FROM {noun}_history h LEFT JOIN "user" u ON u.id = h.user_id"""
_PAGE = "WHERE h.{noun}_id = :id ORDER BY h.created_at DESC, h.id DESC LIMIT :size OFFSET :skip"
_LIST_PAGE = f"SELECT {_COLUMNS} {_SOURCE} {_PAGE}"
_LIST_FULL_PAGE = f"SELECT {_COLUMNS}, h.snapshot {_SOURCE} {_PAGE}"
_FIND = f"SELECT {_COLUMNS}, h.snapshot {_SOURCE} WHERE h.{{noun}}_id = :resource_id AND h.id = :id"
_EXISTS = "SELECT 1 FROM {noun}_history WHERE {noun}_id = :resource_id AND id = :id"
_FIND_LATEST = f"SELECT {_COLUMNS} {_SOURCE} WHERE h.{{noun}}_id = :id ORDER BY h.created_at DESC, h.id DESC LIMIT 1"
_INSERT = """INSERT INTO {noun}_history (id, {noun}_id, parent_id, snapshot, user_id, commit_message, created_at)
    VALUES (:id, :resource_id, :parent_id, :snapshot, :user_id, :message, :now)"""
_LOCK_RECORD = "UPDATE {noun} SET version_id = version_id WHERE id = :id"
_FIND_CURRENT_ID = "SELECT version_id FROM {noun} WHERE id = :id"
_FIND_PARENT = "SELECT parent_id FROM {noun}_history WHERE {noun}_id = :resource_id AND id = :id"
_MOVE_CHILDREN = "UPDATE {noun}_history SET parent_id = :parent WHERE {noun}_id = :resource_id AND parent_id = :id"
_DELETE = "DELETE FROM {noun}_history WHERE id = :id"
_DELETE_ALL = "DELETE FROM {noun}_history WHERE {noun}_id = :id"


#: The revisions of a record, by time; SQLite reads the snapshot to reach the time in a row.
INDEXES = [
    Index(
        f"fastback_{noun}_history_time",
        sqlite=f"ON {noun}_history ({noun}_id, created_at, id)",
        postgres=f"ON {noun}_history ({noun}_id, created_at, id)",
    )
    for noun in ("model", "prompt", "tool", "skill", "function")
]


class RevisionStore:
    """The revisions of one kind of record; `noun` is the record's table."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self.owner = f"{noun}_id"
        self._list_page = _LIST_PAGE.format(noun=noun)
        self._list_full_page = _LIST_FULL_PAGE.format(noun=noun)
        self._find = _FIND.format(noun=noun)
        self._exists = _EXISTS.format(noun=noun)
        self._find_latest = _FIND_LATEST.format(noun=noun)
        self._insert = _INSERT.format(noun=noun)
        self._lock_record = _LOCK_RECORD.format(noun=noun)
        self._find_current_id = _FIND_CURRENT_ID.format(noun=noun)
        self._find_parent = _FIND_PARENT.format(noun=noun)
        self._move_children = _MOVE_CHILDREN.format(noun=noun)
        self._delete = _DELETE.format(noun=noun)
        self._delete_all = _DELETE_ALL.format(noun=noun)

    # -- reading --------------------------------------------------------------------------------------------------

    async def list_page(self, db: Executor, resource_id: str, page: int) -> list[Answer]:
        """Return revisions as lists show them, newest first, 20 a page, pages counted from 1."""
        skip = (max(page, 1) - 1) * PAGE_SIZE
        rows = await db.fetch_all(
            Revision, "revisions.list_page", self._list_page, id=resource_id, size=PAGE_SIZE, skip=skip
        )
        return [self.summarize(row) for row in rows]

    async def list_full_page(self, db: Executor, resource_id: str, page: int) -> list[Answer]:
        """Like `list_page`, with the snapshot of each revision and the summary of its author."""
        skip = (max(page, 1) - 1) * PAGE_SIZE
        rows = await db.fetch_all(
            FullRevision, "revisions.list_full_page", self._list_full_page, id=resource_id, size=PAGE_SIZE, skip=skip
        )
        authors = await load_user_summaries(db, [row.user_id for row in rows])
        return [{**self.describe(row), "user": authors.get(row.user_id)} for row in rows]

    async def find_revision(self, db: Executor, resource_id: str, version_id: str | None) -> FullRevision | None:
        """Return a revision of a record with its snapshot, or None."""
        return await db.fetch_first(FullRevision, "revisions.find", self._find, resource_id=resource_id, id=version_id)

    async def find_large_revision(self, db: Database, resource_id: str, version_id: str | None) -> FullRevision | None:
        """Like `find_revision`, for snapshots that may be large: a thread reads and decodes them."""
        rows = await db.fetch_all_in_thread(
            _EncodedRevision, "revisions.find_large", self._find, resource_id=resource_id, id=version_id
        )
        if not rows:
            return None
        fields = msgspec.structs.asdict(rows[0])
        fields["snapshot"] = await asyncio.to_thread(msgspec.json.decode, fields["snapshot"])
        return FullRevision(**fields)

    async def has_revision(self, tx: Executor, resource_id: str, version_id: str) -> bool:
        """Return whether the record has this revision."""
        return bool(await tx.fetch_value("revisions.exists", self._exists, resource_id=resource_id, id=version_id))

    async def find_latest(self, tx: Executor, resource_id: str) -> tuple[str | None, int]:
        """Return the newest revision's id and its time (seconds); None and 0 if there is no revision."""
        latest = await tx.fetch_first(Revision, "revisions.find_latest", self._find_latest, id=resource_id)
        return (latest.id, latest.created_at) if latest is not None else (None, 0)

    # -- writing --------------------------------------------------------------------------------------------------

    async def insert_revision(
        self,
        tx: Executor,
        resource_id: str,
        snapshot: Snapshot,
        user_id: str,
        *,
        parent_id: str | None,
        message: str | None,
        created_at: int | None = None,
    ) -> str:
        """Insert a revision, and return its id."""
        revision_id = str(uuid.uuid4())
        await tx.execute(
            "revisions.insert",
            self._insert,
            id=revision_id,
            resource_id=resource_id,
            parent_id=parent_id,
            snapshot=encode_json(snapshot),
            user_id=user_id,
            message=message,
            now=created_at or int(time.time()),
        )
        return revision_id

    async def lock_current(self, tx: Executor, resource_id: str) -> str | None:
        """Return the id of the current revision, and keep others from changing it until the transaction ends."""
        await tx.execute("revisions.lock_record", self._lock_record, id=resource_id)
        current_id: str | None = await tx.fetch_value(
            "revisions.find_current_id", self._find_current_id, id=resource_id
        )
        return current_id

    async def delete_revision(self, tx: Executor, resource_id: str, version_id: str) -> bool:
        """Delete a revision, and attach its children to its parent. Return False if there is no such revision."""
        parent = await tx.fetch_first(
            _Parent, "revisions.find_parent", self._find_parent, resource_id=resource_id, id=version_id
        )
        if parent is None:
            return False
        await tx.execute(
            "revisions.move_children",
            self._move_children,
            parent=parent.parent_id,
            resource_id=resource_id,
            id=version_id,
        )
        await tx.execute("revisions.delete", self._delete, id=version_id)
        return True

    async def delete_unused(self, db: Database, resource_id: str, version_id: str) -> None:
        """Delete a revision that is not the current one.

        Raises:
            BadRequest: it is the current one. NotFound: there is no such revision.
        """
        async with db.transaction() as tx:
            if await self.lock_current(tx, resource_id) == version_id:
                raise BadRequest("Cannot delete the current version")
            if not await self.delete_revision(tx, resource_id, version_id):
                raise NotFound("Version not found")

    async def delete_all(self, tx: Executor, resource_id: str) -> None:
        """Delete every revision of a record."""
        await tx.execute("revisions.delete_all", self._delete_all, id=resource_id)

    # -- showing --------------------------------------------------------------------------------------------------

    def summarize(self, row: Revision) -> Answer:
        """Return a revision as lists show it."""
        return {
            "id": row.id,
            self.owner: row.resource_id,
            "parent_id": row.parent_id,
            "user_id": row.user_id,
            "commit_message": row.commit_message,
            "created_at": row.created_at,
            "user": {"name": row.author} if row.author else None,
        }

    def describe(self, row: FullRevision) -> Answer:
        """Return a revision with its snapshot, without its author's name."""
        return {
            "id": row.id,
            self.owner: row.resource_id,
            "parent_id": row.parent_id,
            "snapshot": row.snapshot,
            "user_id": row.user_id,
            "commit_message": row.commit_message,
            "created_at": row.created_at,
        }
