"""The statements of a search: over the newest chats of the index, over all of it, over chats themselves.

Each finds a person's chats that hold all needles, newest first, `:limit` of them. `c` is the chat, `s` its row of the
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
        early: conditions on `{row}`, conditions has the columns `user_id`, `updated_at` and `title` alone.
        owned: the condition on `c` that makes it the person's.
    """

    user_id: str
    needles: list[Needle] = []
    tags: list[str] = []
    conditions: list[str] = []
    params: dict[str, Any] = {}
    row_conditions: list[str] = []
    owner_condition: str = "c.user_id = :user_id"


def _build_needle_conditions(
    dialect: Dialect, body: str, needles: list[Needle], *, by_index: bool = False
) -> tuple[list[str], dict[str, Any]]:
    """Conditions that a text needle_conditions the needles; `by_index`: such as PostgreSQL's index answers."""
    conditions, params = [], {}
    for number, needle in enumerate(needles):
        name = f"needle{number}"
        if needle.wild or (by_index and dialect == "postgres"):
            conditions.append(f"{body} LIKE :{name}")
            params[name] = needle.build_pattern(dialect)
        else:
            conditions.append(f"{'instr' if dialect == 'sqlite' else 'strpos'}({body}, :{name}) > 0")
            params[name] = needle.text
    return conditions, params


def _build_owner_conditions(criteria: ChatCriteria, dialect: Dialect) -> list[str]:
    return [criteria.owner_condition, *criteria.conditions, VISIBLE[dialect]]


def _get_fresh_condition(criteria: ChatCriteria, dialect: Dialect) -> str:
    return (FRESH if criteria.tags else SAME_TEXT)[dialect]


def _build_early_conditions(criteria: ChatCriteria, row: str) -> list[str]:
    return [condition.format(row=row) for condition in criteria.row_conditions]


def _build_statement(
    select: str, where: list[str], criteria: ChatCriteria, order: str, params: dict[str, Any], limit: int
) -> SearchStatement:
    text = f"{select} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT :limit"
    return SearchStatement(text, {"user_id": criteria.user_id, "limit": limit, **criteria.params, **params})


def _build_tag_conditions(criteria: ChatCriteria) -> tuple[list[str], dict[str, Any]]:
    # The offset keeps PostgreSQL from turning the question around.
    where = [
        f"""EXISTS (SELECT 1 FROM fastback_search_tag t{number} WHERE t{number}.user_id = :user_id
            AND t{number}.tag = :tag{number} AND t{number}.chat_id = s.chat_id LIMIT 1 OFFSET 0)"""
        for number in range(len(criteria.tags))
    ]
    return where, {f"tag{number}": tag for number, tag in enumerate(criteria.tags)}


_ORDER = "s.updated_at DESC, s.chat_id"


def _build_hits_statement(
    rows: str, where: list[str], criteria: ChatCriteria, dialect: Dialect, params: dict[str, Any], limit: int
) -> SearchStatement:
    """Out of `rows` of the index, conditions come in order, those whose chats fit, read one by one until it is enough."""
    own = _build_owner_conditions(criteria, dialect)
    if dialect == "sqlite":
        # SQLite takes the tables in the order given: the text decides before the chat is looked at.
        body = "CROSS JOIN fastback_search_text b ON b.number = s.number" if criteria.needles else ""
        chat = "CROSS JOIN chat c ON c.id = s.chat_id"
        where = [*where, *own]
    else:
        body = ""
        chat = f"CROSS JOIN LATERAL (SELECT c.* FROM chat c WHERE c.id = s.chat_id AND {' AND '.join(own)} OFFSET 0) c"
    select = f"SELECT {_HIT}, {_get_fresh_condition(criteria, dialect)} FROM ({rows}) s {body} {chat}"
    return _build_statement(select, where or ["TRUE"], criteria, _ORDER, params, limit)


def build_newest_statement(criteria: ChatCriteria, dialect: Dialect, *, window: int, limit: int) -> SearchStatement:
    """Over the `window` newest chats of the index: words that stand in many chats are conditions there."""
    body = ", s.body" if dialect == "postgres" else ""
    rows = f"""SELECT {_INDEXED[dialect]}{body} FROM fastback_search_chat s WHERE s.user_id = :user_id
        ORDER BY {_ORDER} LIMIT :window"""
    needle_conditions, params = _build_needle_conditions(dialect, _BODY[dialect], criteria.needles)
    tag_conditions, tags = _build_tag_conditions(criteria)
    params |= {**tags, "window": window}
    return _build_hits_statement(
        rows,
        [*_build_early_conditions(criteria, "s"), *tag_conditions, *needle_conditions],
        criteria,
        dialect,
        params,
        limit,
    )


def build_index_statement(criteria: ChatCriteria, dialect: Dialect, *, expression: str, limit: int) -> SearchStatement:
    """Over all of the index: by tag, by the `expression` of `SearchIndex.expression`, or else one by one."""
    by_index = bool(expression) and not criteria.tags
    needle_conditions, params = _build_needle_conditions(dialect, _BODY[dialect], criteria.needles, by_index=by_index)
    tag_conditions, tags = _build_tag_conditions(criteria)
    params |= tags
    start = "fastback_search_chat s"
    conditions = ["s.user_id = :user_id", *_build_early_conditions(criteria, "s")]
    if criteria.tags:
        cross = "CROSS JOIN" if dialect == "sqlite" else "JOIN"
        start = f"fastback_search_tag t {cross} fastback_search_chat s ON s.chat_id = t.chat_id"
        conditions = ["t.user_id = :user_id", "t.tag = :tag0", *conditions, *tag_conditions[1:]]
    elif by_index and dialect == "sqlite":
        start = "fastback_search_grams CROSS JOIN fastback_search_chat s ON s.number = fastback_search_grams.rowid"
        conditions = ["fastback_search_grams MATCH :expression", *conditions]
        params["expression"] = expression
    elif by_index:
        # PostgreSQL does not know what reading long texts costs: no other index may offer itself.
        conditions[0] = "s.user_id || '' = :user_id"
    if dialect == "postgres":
        conditions += needle_conditions
        needle_conditions = []
    every = "LIMIT -1" if dialect == "sqlite" else "OFFSET 0"
    rows = f"SELECT {_INDEXED[dialect]} FROM {start} WHERE {' AND '.join(conditions)} ORDER BY {_ORDER} {every}"
    return _build_hits_statement(rows, needle_conditions, criteria, dialect, params, limit)


def build_chat_statement(
    criteria: ChatCriteria, dialect: Dialect, *, limit: int, ids: list[str] | None, indexed: bool, titles: bool = False
) -> SearchStatement:
    """Over chats themselves: all, those among `ids`, or those that the index does not know as they are (`indexed`).

    `titles`: leave messages out, where documents cannot be read.
    """
    body = (TITLE_ALONE if titles else SEARCHED)[dialect]
    needle_conditions, params = _build_needle_conditions(dialect, body, criteria.needles)
    conditions = [VISIBLE[dialect]]
    for number, tag in enumerate(criteria.tags):
        if tag == "none":
            conditions.append(_UNTAGGED[dialect])
        else:
            conditions.append(_TAGGED[dialect].format(name=f"tag{number}"))
            params[f"tag{number}"] = tag
    match = " AND ".join([*conditions, *needle_conditions])
    where = [criteria.owner_condition, *criteria.conditions, *_build_early_conditions(criteria, "c")]
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
        unknown = f"(s.chat_id IS NULL OR NOT {_get_fresh_condition(criteria, dialect)})"
        # Reading a document costs more than all the rest: the order of the conditions is kept.
        match = f"CASE WHEN {unknown} THEN {match} ELSE FALSE END"
    return _build_statement(start, [*where, match], criteria, order, params, limit)
