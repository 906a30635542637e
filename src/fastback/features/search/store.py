"""Folders, notes and snapshots that a person may search, and what results show of chats."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import build_grant_condition
from fastback.features.chats.search.searchable_text import SEARCHED
from fastback.features.search.words import build_like_pattern, list_terms
from fastback.kit.db import Database, Executor
from fastback.kit.db.derived_tables import DerivedTables


class Folder(msgspec.Struct):
    """A folder somebody may look into. `shared`: somebody was granted it."""

    id: str
    name: str
    parent_id: str | None
    shared: bool


class RankedMatch(msgspec.Struct):
    """What fits a search; the lower the rank, the earlier it comes."""

    id: str
    rank: int
    updated_at: int


#: A condition on an id of a shared chat: it was granted to the person or a group, not to everybody.
_GRANTED_SHARE = """EXISTS (SELECT 1 FROM access_grant ag WHERE ag.resource_type = 'shared_chat'
    AND ag.resource_id = {id} AND ag.permission = 'read'
    AND ((ag.principal_type = 'user' AND ag.principal_id = :user_id)
      OR (ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids))))"""

#: Chats of others that a person may open as they are: in a folder they see, or shared to go on with.
VISIBLE_CHAT = f"""(c.folder_id = ANY(:seen_folders) OR c.id IN (
    SELECT sc.chat_id FROM shared_chat sc WHERE sc.chat ->> 'share_mode' = 'continue'
        AND {_GRANTED_SHARE.format(id="sc.chat_id")}))"""


async def list_folders(db: Executor, user_id: str, group_ids: list[str]) -> list[Folder]:
    """The folders a person may look into: their own, granted ones, and what lies below them."""
    return await db.fetch_all(
        Folder,
        "search.folders",
        f"""WITH RECURSIVE seen(id) AS (
                SELECT f.id FROM folder f WHERE f.user_id = :user_id OR {build_grant_condition("folder", "f.id")}
                UNION
                SELECT f.id FROM folder f JOIN seen s ON f.parent_id = s.id)
            SELECT f.id, f.name, f.parent_id, EXISTS (SELECT 1 FROM access_grant g WHERE g.resource_type = 'folder'
                AND g.resource_id = f.id AND g.permission = 'read')
            FROM folder f JOIN seen s ON s.id = f.id""",
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )


class ChatRow(msgspec.Struct):
    """What a result shows of a chat or a snapshot."""

    id: str
    user_id: str
    title: str | None
    updated_at: int
    share_id: str | None
    pinned: bool
    folder_id: str | None


async def list_chats(db: Executor, ids: list[str]) -> list[ChatRow]:
    text = """SELECT c.id, c.user_id, c.title, c.updated_at, c.share_id, COALESCE(c.pinned, FALSE), c.folder_id
        FROM chat c WHERE c.id = ANY(:ids)"""
    return await db.fetch_all(ChatRow, "search.chats", text, ids=ids)


async def list_pinned_ids(db: Executor, user_id: str, where: list[str], params: dict[str, Any]) -> list[str]:
    """The person's pinned chats."""
    text = f"SELECT c.id FROM chat c WHERE c.user_id = :user_id AND c.pinned = TRUE AND {' AND '.join(where)}"
    return await db.fetch_all(str, "search.pinned", text, user_id=user_id, **params)


def _build_title_rank(title: str) -> str:
    return f"""CASE WHEN CAST(:whole AS TEXT) = '' THEN 3 WHEN lower({title}) = :whole THEN 0
        WHEN lower({title}) LIKE :whole_like ESCAPE '\\' THEN 1 ELSE 3 END"""


def _build_title_params(query: str) -> dict[str, str]:
    return {"whole": query.lower(), "whole_like": build_like_pattern(query.lower())}


class SnapshotRow(msgspec.Struct):
    """A snapshot of a chat that was shared with the person."""

    id: str
    rank: int
    updated_at: int
    user_id: str
    title: str | None


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
    """Snapshots granted to the person, of chats that they cannot open as they are; of `others` alone."""
    dialect = tables.dialect
    live = VISIBLE_CHAT.replace("c.folder_id", "l.folder_id").replace("c.id", "l.id")
    where = [
        _GRANTED_SHARE.format(id="c.chat_id"),
        f"""NOT EXISTS (SELECT 1 FROM chat l WHERE l.id = c.chat_id
            AND (l.user_id = :user_id OR {live}))""",
    ]
    params: dict[str, Any] = {"seen_folders": seen_folders}
    if others:
        where.append("c.user_id <> :user_id")
    for place, term in enumerate(list_terms(query)):
        where.append(f"{SEARCHED[dialect]} LIKE :term{place} ESCAPE '\\'")
        params[f"term{place}"] = build_like_pattern(term)
    lower = "fastback_fold" if dialect == "sqlite" else "lower"
    rank = _build_title_rank("c.title").replace("lower(", f"{lower}(")
    return await tables.fetch_all_in_thread(
        SnapshotRow,
        "search.snapshots",
        f"""SELECT c.id, {rank} AS rank, c.updated_at, c.user_id, c.title FROM shared_chat c
            WHERE {" AND ".join(where)} ORDER BY rank, c.updated_at DESC, c.id LIMIT :limit""",
        user_id=user_id,
        group_ids=group_ids,
        limit=limit,
        **_build_title_params(query),
        **params,
    )


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


_CONTENT = {"sqlite": "json_extract(t.data, '$.content.md')", "postgres": "t.data #>> '{content,md}'"}
_SECONDS = "CAST(t.updated_at / 1000000000 AS BIGINT)"


async def list_notes(
    db: Database, user_id: str, group_ids: list[str], query: str, *, sharing: str, limit: int
) -> list[NoteRow]:
    """Notes a person wrote or was granted."""
    content = _CONTENT[db.dialect]
    where = [f"(t.user_id = :user_id OR {build_grant_condition('note', 't.id')})"]
    params: dict[str, Any] = {}
    for place, term in enumerate(list_terms(query)):
        holds = "lower({text}) LIKE :{name} ESCAPE '\\'"
        name = f"term{place}"
        where.append(f"({holds.format(text='t.title', name=name)} OR {holds.format(text=content, name=name)})")
        params[name] = build_like_pattern(term)
    if sharing != "all":
        where.append(f"t.user_id {'=' if sharing == 'mine' else '<>'} :user_id")
    shared = """EXISTS (SELECT 1 FROM access_grant g WHERE g.resource_type = 'note' AND g.resource_id = t.id
        AND g.permission = 'read')"""
    pinned = "EXISTS (SELECT 1 FROM pinned_note p WHERE p.note_id = t.id AND p.user_id = :user_id)"
    rank = _build_title_rank("t.title") if query else f"CASE WHEN {pinned} THEN 0 ELSE 3 END"
    return await db.fetch_all_in_thread(
        NoteRow,
        "search.notes",
        f"""SELECT t.id, {rank} AS rank, {_SECONDS}, t.user_id, t.title, {shared}, {pinned}, {content}
            FROM note t WHERE {" AND ".join(where)} ORDER BY rank, {_SECONDS} DESC, t.id LIMIT :limit""",
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
        limit=limit,
        **(_build_title_params(query) if query else {}),
        **params,
    )
