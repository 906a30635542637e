"""Knowledge and notes that a user may read: the owner's, and those granted to the user."""

from __future__ import annotations

from collections.abc import Collection

from fastback.access.grants import build_grant_condition
from fastback.kit.db import Executor

_OWN_OR_GRANTED = "t.id = ANY(:ids) AND (t.user_id = :user_id OR {granted})"
LIST_READABLE_KNOWLEDGE = f"""SELECT t.id FROM knowledge t
    WHERE {_OWN_OR_GRANTED.format(granted=build_grant_condition("knowledge", "t.id"))}"""
LIST_READABLE_NOTES = f"""SELECT t.id FROM note t
    WHERE {_OWN_OR_GRANTED.format(granted=build_grant_condition("note", "t.id"))}"""


async def list_readable_knowledge(db: Executor, ids: Collection[str], user_id: str, group_ids: list[str]) -> set[str]:
    """Return the ids of the knowledge collections among `ids` that a user may read."""
    rows = await db.fetch_all(
        str,
        "folders.list_readable_knowledge",
        LIST_READABLE_KNOWLEDGE,
        ids=list(ids),
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )
    return set(rows)


async def list_readable_notes(db: Executor, ids: Collection[str], user_id: str, group_ids: list[str]) -> set[str]:
    """Return the ids of the notes among `ids` that a user may read."""
    rows = await db.fetch_all(
        str,
        "folders.list_readable_notes",
        LIST_READABLE_NOTES,
        ids=list(ids),
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )
    return set(rows)
