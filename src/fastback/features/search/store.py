"""SQL of the workspace search: folders, notes and shared snapshots that a user may search, and columns of results."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from fastback.access.grants import build_granted_ids
from fastback.features.chats.search import searchable_text
from fastback.features.search.words import build_like_pattern, list_terms
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect
from fastback.kit.db.derived_tables import DerivedTables
from fastback.records.listing_store import build_visible_condition


class Folder(msgspec.Struct):
    """A folder whose chats a user may read. `shared`: it was granted to at least one user or group."""

    id: str
    name: str
    parent_id: str | None
    shared: bool


class ChatRow(msgspec.Struct):
    """The columns of a chat that a result shows."""

    id: str
    user_id: str
    title: str | None
    updated_at: int
    share_id: str | None
    pinned: bool
    folder_id: str | None


class SnapshotRow(msgspec.Struct):
    """A shared snapshot of a chat."""

    id: str
    rank: int
    updated_at: int
    user_id: str
    title: str | None


class NoteRow(msgspec.Struct):
    """A note; `updated_at` in seconds."""

    id: str
    rank: int
    updated_at: int
    user_id: str
    title: str
    shared: bool
    pinned: bool
    content: str | None


#: The ids of the shared chats that were granted to the user or a group, not to the public.
_GRANTED_SHARES = """SELECT ag.resource_id FROM access_grant ag
        WHERE ag.principal_type = 'user' AND ag.principal_id = :user_id
            AND ag.resource_type = 'shared_chat' AND ag.permission = 'read'
        UNION ALL
        SELECT ag.resource_id FROM access_grant ag
        WHERE ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids)
            AND ag.resource_type = 'shared_chat' AND ag.permission = 'read'"""
_IS_GRANTED_SHARE: dict[Dialect, str] = {
    "sqlite": f"IN ({_GRANTED_SHARES})",
    "postgres": f"= ANY (ARRAY({_GRANTED_SHARES}))",
}
#: The ids of the granted chats that are shared for continuing. PostgreSQL would read the documents of all shared chats
#: before the grants.
_CONTINUED_SHARES: dict[Dialect, str] = {
    dialect: f"""SELECT sc.chat_id FROM shared_chat sc
        WHERE sc.chat_id {condition} AND sc.chat::readable ->> 'share_mode' = 'continue'"""
    for dialect, condition in _IS_GRANTED_SHARE.items()
}
#: A condition on a chat `c` of another user: its folder is readable, or it is shared for continuing.
_VISIBLE_CHAT: dict[Dialect, str] = {
    "sqlite": f"(c.folder_id = ANY(:seen_folders) OR c.id IN ({_CONTINUED_SHARES['sqlite']}))",
    "postgres": f"""c.id = ANY (ARRAY(SELECT v.id FROM chat v WHERE v.folder_id = ANY(:seen_folders)
        UNION ALL {_CONTINUED_SHARES["postgres"]}))""",
}

LIST_FOLDERS = f"""WITH RECURSIVE seen(id) AS (
        SELECT f.id FROM folder f WHERE f.user_id = :user_id OR f.id IN ({build_granted_ids("folder")})
        UNION
        SELECT f.id FROM folder f JOIN seen s ON f.parent_id = s.id)
    SELECT f.id, f.name, f.parent_id, EXISTS (SELECT 1 FROM access_grant g WHERE g.resource_type = 'folder'
        AND g.resource_id = f.id AND g.permission = 'read')
    FROM folder f JOIN seen s ON s.id = f.id"""
LIST_CHATS = """SELECT c.id, c.user_id, c.title, c.updated_at, c.share_id, COALESCE(c.pinned, FALSE), c.folder_id
    FROM chat c WHERE c.id = ANY(:ids)"""

_NOTE_CONTENT = {"sqlite": "json_extract(t.data, '$.content.md')", "postgres": "t.data::readable #>> '{content,md}'"}
_NOTE_SECONDS = "CAST(t.updated_at / 1000000000 AS BIGINT)"
_NOTE_SHARED = """EXISTS (SELECT 1 FROM access_grant g WHERE g.resource_type = 'note' AND g.resource_id = t.id
    AND g.permission = 'read')"""
_NOTE_PINNED = "EXISTS (SELECT 1 FROM pinned_note p WHERE p.note_id = t.id AND p.user_id = :user_id)"


def build_other_owner_condition(dialect: Dialect) -> str:
    """Return the condition on a chat `c` that another user owns it, and the user (`:user_id`) can open it."""
    return f"c.user_id <> :user_id AND {_VISIBLE_CHAT[dialect]}"


@lru_cache(maxsize=64)  # the number of words or chats differs from request to request
def _build_pinned_list(conditions: tuple[str, ...]) -> str:
    return f"SELECT c.id FROM chat c WHERE c.user_id = :user_id AND c.pinned = TRUE AND {' AND '.join(conditions)}"


def _build_title_rank(title: str, lower: str = "lower") -> str:
    """Return the rank of a title: 0 is the query, 1 contains it, 3 neither; 3 also for an empty query."""
    return f"""CASE WHEN CAST(:whole AS TEXT) = '' THEN 3 WHEN {lower}({title}) = :whole THEN 0
        WHEN {lower}({title}) LIKE :whole_like ESCAPE '\\' THEN 1 ELSE 3 END"""


def _build_title_params(query: str) -> dict[str, str]:
    return {"whole": query.lower(), "whole_like": build_like_pattern(query.lower())}


@lru_cache(maxsize=64)  # the number of words or chats differs from request to request
def _build_snapshot_list(dialect: Dialect, term_count: int, *, others: bool) -> str:
    conditions = [
        f"c.chat_id IN ({_GRANTED_SHARES})",
        f"""NOT EXISTS (SELECT 1 FROM chat l WHERE l.id = c.chat_id AND (
            l.user_id = :user_id OR l.folder_id = ANY(:seen_folders) OR l.id IN ({_CONTINUED_SHARES[dialect]})))""",
    ]
    if others:
        conditions.append("c.user_id <> :user_id")
    conditions += [
        f"{searchable_text.SEARCHED[dialect]} LIKE :term{number} ESCAPE '\\'" for number in range(term_count)
    ]
    rank = _build_title_rank("c.title", searchable_text.LOWER[dialect])
    return f"""SELECT c.id, {rank} AS rank, c.updated_at, c.user_id, c.title FROM shared_chat c
        WHERE {" AND ".join(conditions)} ORDER BY rank, c.updated_at DESC, c.id LIMIT :limit"""


@lru_cache(maxsize=64)  # the number of words or chats differs from request to request
def _build_note_list(dialect: Dialect, term_count: int, sharing: str, *, ranked: bool) -> str:
    content = _NOTE_CONTENT[dialect]
    conditions = [build_visible_condition(dialect, "note", "note", "read")]
    conditions += [
        f"(lower(t.title) LIKE :term{number} ESCAPE '\\' OR lower({content}) LIKE :term{number} ESCAPE '\\')"
        for number in range(term_count)
    ]
    if sharing != "all":
        conditions.append(f"t.user_id {'=' if sharing == 'mine' else '<>'} :user_id")
    rank = _build_title_rank("t.title") if ranked else f"CASE WHEN {_NOTE_PINNED} THEN 0 ELSE 3 END"
    # The texts are read of the notes that the page shows.
    return f"""SELECT t.id, p.rank, p.seconds, t.user_id, t.title, {_NOTE_SHARED}, {_NOTE_PINNED}, {content}
        FROM (SELECT t.id, {rank} AS rank, {_NOTE_SECONDS} AS seconds FROM note t WHERE {" AND ".join(conditions)}
            ORDER BY 2, 3 DESC, 1 LIMIT :limit) p
        JOIN note t ON t.id = p.id ORDER BY p.rank, p.seconds DESC, t.id"""


def _build_term_params(query: str) -> dict[str, str]:
    return {f"term{number}": build_like_pattern(term) for number, term in enumerate(list_terms(query))}


async def list_folders(db: Executor, user_id: str, group_ids: list[str]) -> list[Folder]:
    """Return the folders whose chats a user may read: the user's own, granted ones, and all folders below them."""
    return await db.fetch_all(
        Folder, "search.list_folders", LIST_FOLDERS, user_id=user_id, group_ids=group_ids, permission="read"
    )


async def list_chats(db: Executor, ids: list[str]) -> list[ChatRow]:
    """Return the columns of these chats that results show, in no order."""
    return await db.fetch_all(ChatRow, "search.list_chats", LIST_CHATS, ids=ids)


async def list_pinned_ids(db: Executor, user_id: str, conditions: list[str], params: dict[str, Any]) -> list[str]:
    """Return the ids of the user's pinned chats that meet the conditions on `c`."""
    text = _build_pinned_list(tuple(conditions))
    return await db.fetch_all(str, "search.list_pinned_ids", text, user_id=user_id, **params)


async def list_snapshots(
    tables: DerivedTables,
    user_id: str,
    group_ids: list[str],
    seen_folders: list[str],
    query: str,
    *,
    others: bool,
    limit: int,
) -> list[SnapshotRow]:
    """Return snapshots granted to a user, of chats that the user cannot open themselves; of `others` alone."""
    return await tables.fetch_all_in_thread(
        SnapshotRow,
        "search.list_snapshots",
        _build_snapshot_list(tables.dialect, len(list_terms(query)), others=others),
        user_id=user_id,
        group_ids=group_ids,
        seen_folders=seen_folders,
        limit=limit,
        **_build_title_params(query),
        **_build_term_params(query),
    )


async def list_notes(
    db: Database, user_id: str, group_ids: list[str], query: str, *, sharing: str, limit: int
) -> list[NoteRow]:
    """Return notes that a user owns or was granted and that contain every word of the query, best matches first.

    Without a query pinned notes come first. `sharing` is `all`, `mine` or `shared`.
    """
    return await db.fetch_all_in_thread(
        NoteRow,
        "search.list_notes",
        _build_note_list(db.dialect, len(list_terms(query)), sharing, ranked=bool(query)),
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
        limit=limit,
        **(_build_title_params(query) if query else {}),
        **_build_term_params(query),
    )
