"""Finding chats and notes by words that must all stand in them, newest first."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import granted
from fastback.kit.db import Database, Executor


class Found(msgspec.Struct):
    """A chat or a note that fits."""

    id: str
    title: str
    updated_at: int
    shared: bool
    pinned: bool
    folder_id: str | None
    current_id: str | None
    rank: int


class Folder(msgspec.Struct):
    id: str
    name: str


def terms_of(query: str) -> list[str]:
    """The words of a query, each once, twelve at most."""
    return list(dict.fromkeys(query.lower().split()))[:12]


def like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def folders(db: Executor, user_id: str, group_ids: list[str]) -> list[Folder]:
    """The folders a user may look into: their own, granted ones, and what lies below them."""
    return await db.all(
        Folder,
        "search.folders",
        f"""WITH RECURSIVE seen(id) AS (
                SELECT f.id FROM folder f WHERE f.user_id = :user_id OR {granted("folder", "f.id")}
                UNION
                SELECT f.id FROM folder f JOIN seen s ON f.parent_id = s.id)
            SELECT f.id, f.name FROM folder f JOIN seen s ON s.id = f.id ORDER BY lower(f.name), f.id""",
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )


_INTERNAL = {
    "sqlite": "COALESCE(json_extract(c.meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(c.meta ->> 'internal', 'false') <> 'true'",
}


def _words(terms: list[str], title: str, inside: str) -> tuple[list[str], dict[str, Any]]:
    where, params = [], {}
    for place, term in enumerate(terms):
        name = f"term{place}"
        where.append(f"(lower({title}) LIKE :{name} ESCAPE '\\' OR {inside.format(name=name)})")
        params[name] = like(term)
    return where, params


async def chats(
    db: Database, user_id: str, query: str, *, sharing: str, folder_id: str | None, limit: int
) -> list[Found]:
    """A user's own chats, archived ones left out; those named like the query first."""
    inside = """EXISTS (SELECT 1 FROM chat_message m WHERE m.chat_id = c.id
        AND lower(CAST(m.content AS TEXT)) LIKE :{name} ESCAPE '\\')"""
    where, params = _words(terms_of(query), "c.title", inside)
    where += ["c.user_id = :user_id", "c.archived = FALSE", _INTERNAL[db.dialect]]
    if sharing != "all":
        where.append(f"c.share_id IS {'NOT ' if sharing == 'shared' else ''}NULL")
    if folder_id is not None:
        where.append(
            """c.folder_id IN (WITH RECURSIVE down(id) AS (
                   SELECT :folder_id UNION SELECT f.id FROM folder f JOIN down d ON f.parent_id = d.id)
               SELECT id FROM down)"""
        )
        params["folder_id"] = folder_id
    return await db.all_long(
        Found,
        "search.chats",
        f"""SELECT c.id, c.title, c.updated_at, c.share_id IS NOT NULL, COALESCE(c.pinned, FALSE), c.folder_id,
                   c.current_message_id,
                   CASE WHEN CAST(:whole AS TEXT) = '' THEN 3 WHEN lower(c.title) = :whole THEN 0
                        WHEN lower(c.title) LIKE :whole_like ESCAPE '\\' THEN 1 ELSE 3 END AS rank
            FROM chat c WHERE {" AND ".join(where)} ORDER BY rank, c.updated_at DESC, c.id LIMIT :limit""",
        user_id=user_id,
        whole=query.lower().strip(),
        whole_like=like(query.lower().strip()),
        limit=limit,
        **params,
    )


class Passage(msgspec.Struct):
    row_id: str
    content: msgspec.Raw


async def passage(db: Database, chat_id: str, query: str, current_id: str | None) -> tuple[str, str | None]:
    """What of a chat to show: the first message with all words of the query, else with one of them, else where the chat
    stands; and the message's id when it was found by its words."""
    terms = terms_of(query)
    for joint in (" AND ", " OR ") if terms else ():
        where = joint.join(f"lower(CAST(m.content AS TEXT)) LIKE :t{n} ESCAPE '\\'" for n in range(len(terms)))
        row = await db.first(
            Passage,
            "search.passage",
            f"""SELECT m.id, m.content FROM chat_message m WHERE m.chat_id = :chat_id AND ({where})
                ORDER BY m.created_at, m.id LIMIT 1""",
            chat_id=chat_id,
            **{f"t{n}": like(term) for n, term in enumerate(terms)},
        )
        if row is not None:
            return _text(row.content), row.row_id.removeprefix(f"{chat_id}-")
    text = "SELECT m.id, m.content FROM chat_message m WHERE m.id = :id"
    row = await db.first(Passage, "search.current", text, id=f"{chat_id}-{current_id}")
    return (_text(row.content) if row is not None else ""), None


def _text(raw: msgspec.Raw) -> str:
    found = msgspec.json.decode(raw)
    return found if isinstance(found, str) else ""


class Note(msgspec.Struct):
    id: str
    title: str
    updated_at: int
    shared: bool
    pinned: bool
    data: dict[str, Any] | None


async def notes(
    db: Database, user_id: str, group_ids: list[str], query: str, *, sharing: str, limit: int
) -> list[Note]:
    """Notes a user wrote or was granted."""
    where, params = _words(terms_of(query), "t.title", "lower(CAST(t.data AS TEXT)) LIKE :{name} ESCAPE '\\'")
    where.append(f"(t.user_id = :user_id OR {granted('note', 't.id')})")
    shared = "EXISTS (SELECT 1 FROM access_grant g WHERE g.resource_type = 'note' AND g.resource_id = t.id)"
    if sharing != "all":
        where.append(shared if sharing == "shared" else f"NOT {shared}")
    return await db.all_long(
        Note,
        "search.notes",
        f"""SELECT t.id, t.title, t.updated_at, {shared},
                   EXISTS (SELECT 1 FROM pinned_note p WHERE p.note_id = t.id AND p.user_id = :user_id), t.data
            FROM note t WHERE {" AND ".join(where)} ORDER BY t.updated_at DESC, t.id LIMIT :limit""",
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
        limit=limit,
        **params,
    )
