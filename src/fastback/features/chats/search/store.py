"""The statements of a search: over the newest chats of the index, over all of it, over chats themselves.

Each finds a person's chats that hold all needles, newest first, `:most` of them. `c` is the chat, `s` its row of the
index; `s.body` stands for the searched text.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.search.query import Needle
from fastback.features.chats.search.searchable_text import FRESH, SAME_TEXT, SEARCHED, TITLE_ALONE, VISIBLE
from fastback.kit.db.database import Dialect

_CHAT = "c.id, c.title, c.updated_at, c.created_at, c.last_read_at, NULL, FALSE, c.archived"
_HIT = "c.id, c.title, c.updated_at, c.created_at, c.last_read_at, c.archived"

_INDEXED = {
    "sqlite": "s.number, s.chat_id, s.user_id, s.updated_at, s.title, s.size, s.tags",
    "postgres": "s.chat_id, s.user_id, s.updated_at, s.title, s.size, s.tags",
}
_BODY = {"sqlite": "b.body", "postgres": "s.body"}

_TAGGED = {
    "sqlite": "EXISTS (SELECT 1 FROM json_each(c.meta, '$.tags') t WHERE t.value = :{name})",
    "postgres": """EXISTS (SELECT 1 FROM json_array_elements_text(CASE WHEN json_typeof(c.meta -> 'tags') = 'array'
        THEN c.meta -> 'tags' ELSE '[]'::json END) t WHERE t = :{name})""",
}
_UNTAGGED = {
    "sqlite": "NOT EXISTS (SELECT 1 FROM json_each(c.meta, '$.tags'))",
    "postgres": "CASE WHEN json_typeof(c.meta -> 'tags') = 'array' THEN json_array_length(c.meta -> 'tags') = 0 "
    "ELSE TRUE END",
}


class SearchStatement(msgspec.Struct):
    """A statement and its parameters."""

    text: str
    params: dict[str, Any]


class ChatCriteria(msgspec.Struct):
    """Chats of one person.

    Attributes:
        needles: what the text of each must hold. tags: what each must carry; `none` says no tag at all.
        where: further conditions on `c`, with `params`.
        early: conditions on `{row}`, which has the columns `user_id`, `updated_at` and `title` alone.
        owned: the condition on `c` that makes it the person's.
    """

    user_id: str
    needles: list[Needle] = []
    tags: list[str] = []
    where: list[str] = []
    params: dict[str, Any] = {}
    early: list[str] = []
    owned: str = "c.user_id = :user_id"


def _build_needle_conditions(
    dialect: Dialect, body: str, needles: list[Needle], *, by_index: bool = False
) -> tuple[list[str], dict[str, Any]]:
    """Conditions that a text holds the needles; `by_index`: such as PostgreSQL's index answers."""
    found, params = [], {}
    for place, needle in enumerate(needles):
        name = f"needle{place}"
        if needle.wild or (by_index and dialect == "postgres"):
            found.append(f"{body} LIKE :{name}")
            params[name] = needle.build_pattern(dialect)
        else:
            found.append(f"{'instr' if dialect == 'sqlite' else 'strpos'}({body}, :{name}) > 0")
            params[name] = needle.text
    return found, params


def _build_owner_conditions(wanted: ChatCriteria, dialect: Dialect) -> list[str]:
    return [wanted.owned, *wanted.where, VISIBLE[dialect]]


def _get_fresh_condition(wanted: ChatCriteria, dialect: Dialect) -> str:
    return (FRESH if wanted.tags else SAME_TEXT)[dialect]


def _build_early_conditions(wanted: ChatCriteria, row: str) -> list[str]:
    return [condition.format(row=row) for condition in wanted.early]


def _build_statement(
    select: str, where: list[str], wanted: ChatCriteria, order: str, params: dict[str, Any], most: int
) -> SearchStatement:
    text = f"{select} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT :most"
    return SearchStatement(text, {"user_id": wanted.user_id, "most": most, **wanted.params, **params})


def _build_tag_conditions(wanted: ChatCriteria) -> tuple[list[str], dict[str, Any]]:
    # The offset keeps PostgreSQL from turning the question around.
    where = [
        f"""EXISTS (SELECT 1 FROM fastback_search_tag t{place} WHERE t{place}.user_id = :user_id
            AND t{place}.tag = :tag{place} AND t{place}.chat_id = s.chat_id LIMIT 1 OFFSET 0)"""
        for place in range(len(wanted.tags))
    ]
    return where, {f"tag{place}": tag for place, tag in enumerate(wanted.tags)}


_ORDER = "s.updated_at DESC, s.chat_id"


def _build_hits_statement(
    rows: str, where: list[str], wanted: ChatCriteria, dialect: Dialect, params: dict[str, Any], most: int
) -> SearchStatement:
    """Out of `rows` of the index, which come in order, those whose chats fit, read one by one until it is enough."""
    own = _build_owner_conditions(wanted, dialect)
    if dialect == "sqlite":
        # SQLite takes the tables in the order given: the text decides before the chat is looked at.
        body = "CROSS JOIN fastback_search_text b ON b.number = s.number" if wanted.needles else ""
        chat = "CROSS JOIN chat c ON c.id = s.chat_id"
        where = [*where, *own]
    else:
        body = ""
        chat = f"CROSS JOIN LATERAL (SELECT c.* FROM chat c WHERE c.id = s.chat_id AND {' AND '.join(own)} OFFSET 0) c"
    select = f"SELECT {_HIT}, {_get_fresh_condition(wanted, dialect)} FROM ({rows}) s {body} {chat}"
    return _build_statement(select, where or ["TRUE"], wanted, _ORDER, params, most)


def build_newest_statement(wanted: ChatCriteria, dialect: Dialect, *, window: int, most: int) -> SearchStatement:
    """Over the `window` newest chats of the index: words that stand in many chats are found there."""
    body = ", s.body" if dialect == "postgres" else ""
    rows = f"""SELECT {_INDEXED[dialect]}{body} FROM fastback_search_chat s WHERE s.user_id = :user_id
        ORDER BY {_ORDER} LIMIT :window"""
    holds, params = _build_needle_conditions(dialect, _BODY[dialect], wanted.needles)
    tagged, tags = _build_tag_conditions(wanted)
    params |= {**tags, "window": window}
    return _build_hits_statement(
        rows, [*_build_early_conditions(wanted, "s"), *tagged, *holds], wanted, dialect, params, most
    )


def build_index_statement(wanted: ChatCriteria, dialect: Dialect, *, expression: str, most: int) -> SearchStatement:
    """Over all of the index: by tag, by the `expression` of `SearchIndex.expression`, or else one by one."""
    by_index = bool(expression) and not wanted.tags
    holds, params = _build_needle_conditions(dialect, _BODY[dialect], wanted.needles, by_index=by_index)
    tagged, tags = _build_tag_conditions(wanted)
    params |= tags
    start = "fastback_search_chat s"
    which = ["s.user_id = :user_id", *_build_early_conditions(wanted, "s")]
    if wanted.tags:
        cross = "CROSS JOIN" if dialect == "sqlite" else "JOIN"
        start = f"fastback_search_tag t {cross} fastback_search_chat s ON s.chat_id = t.chat_id"
        which = ["t.user_id = :user_id", "t.tag = :tag0", *which, *tagged[1:]]
    elif by_index and dialect == "sqlite":
        start = "fastback_search_grams CROSS JOIN fastback_search_chat s ON s.number = fastback_search_grams.rowid"
        which = ["fastback_search_grams MATCH :expression", *which]
        params["expression"] = expression
    elif by_index:
        # PostgreSQL does not know what reading long texts costs: no other index may offer itself.
        which[0] = "s.user_id || '' = :user_id"
    if dialect == "postgres":
        which += holds
        holds = []
    every = "LIMIT -1" if dialect == "sqlite" else "OFFSET 0"
    rows = f"SELECT {_INDEXED[dialect]} FROM {start} WHERE {' AND '.join(which)} ORDER BY {_ORDER} {every}"
    return _build_hits_statement(rows, holds, wanted, dialect, params, most)


def build_chat_statement(
    wanted: ChatCriteria, dialect: Dialect, *, most: int, ids: list[str] | None, indexed: bool, titles: bool = False
) -> SearchStatement:
    """Over chats themselves: all, those among `ids`, or those that the index does not know as they are (`indexed`).

    `titles`: leave messages out, where documents cannot be read.
    """
    body = (TITLE_ALONE if titles else SEARCHED)[dialect]
    holds, params = _build_needle_conditions(dialect, body, wanted.needles)
    fits = [VISIBLE[dialect]]
    for place, tag in enumerate(wanted.tags):
        if tag == "none":
            fits.append(_UNTAGGED[dialect])
        else:
            fits.append(_TAGGED[dialect].format(name=f"tag{place}"))
            params[f"tag{place}"] = tag
    match = " AND ".join([*fits, *holds])
    where = [wanted.owned, *wanted.where, *_build_early_conditions(wanted, "c")]
    start = f"SELECT {_CHAT} FROM chat c"
    order = "c.updated_at DESC, c.id"
    if dialect == "postgres" and ids is None:
        # Put in order first: documents are read one by one, until there are enough.
        start = f"""SELECT {_CHAT} FROM (SELECT c.* FROM chat c WHERE {" AND ".join(where)}
            ORDER BY {order} OFFSET 0) c"""
        where = []
    if ids is not None:
        where.insert(0, "c.id = ANY(:ids)")
        params["ids"] = ids
    if indexed:
        # Along an index of either table in the same order: there may be very many.
        start += {
            "sqlite": """ LEFT JOIN fastback_search_chat s
                ON s.user_id = c.user_id AND s.updated_at = c.updated_at AND s.chat_id = c.id""",
            "postgres": """ LEFT JOIN LATERAL (SELECT i.* FROM fastback_search_chat i WHERE i.chat_id = c.id
                OFFSET 0) s ON TRUE""",
        }[dialect]
        unknown = f"(s.chat_id IS NULL OR NOT {_get_fresh_condition(wanted, dialect)})"
        # Reading a document costs more than all the rest: the order of the conditions is kept.
        match = f"CASE WHEN {unknown} THEN {match} ELSE FALSE END"
    return _build_statement(start, [*where, match], wanted, order, params, most)
