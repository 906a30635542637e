"""Statements that search chats: the newest chats of the index, the whole index, or the chats themselves.

Each returns a user's chats that contain all needles, newest first, at most `:limit`. `c` is the chat, `s` its row of
the index, `s.body` the searched text.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.fragments import TAGS_POSTGRES, VISIBLE_CHAT
from fastback.features.chats.search import searchable_text
from fastback.features.chats.search.query import Needle
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
    "postgres": f"EXISTS (SELECT 1 FROM json_array_elements_text({TAGS_POSTGRES}) t WHERE t = :{{name}})",
}
_UNTAGGED = {
    "sqlite": "NOT EXISTS (SELECT 1 FROM json_each(c.meta, '$.tags'))",
    "postgres": f"json_array_length({TAGS_POSTGRES}) = 0",
}


class SearchStatement(msgspec.Struct):
    """A statement with its parameters."""

    text: str
    params: dict[str, Any]


class ChatCriteria(msgspec.Struct):
    """Which chats of a user a search returns.

    Attributes:
        needles: the texts that each chat must contain.
        tags: the ids of the tags that each chat must have; `none` means no tag at all.
        conditions: further conditions on `c`, with `params`.
        row_conditions: conditions on `{row}`, which has only the columns `user_id`, `updated_at` and `title`.
        owner_condition: the condition on `c` that selects the user's chats.
        has_few: whether few chats meet the conditions: they are found by these, not in the order of time.
        in_titles: whether the row conditions already require the needles to be in the title.
    """

    user_id: str
    needles: list[Needle] = []
    tags: list[str] = []
    conditions: list[str] = []
    params: dict[str, Any] = {}
    row_conditions: list[str] = []
    owner_condition: str = "c.user_id = :user_id"
    has_few: bool = False
    in_titles: bool = False


def _build_needle_conditions(
    dialect: Dialect, body: str, needles: list[Needle], *, by_index: bool = False
) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions that a text contains the needles; with `by_index` in the form that an index supports."""
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
    return [criteria.owner_condition, *criteria.conditions, VISIBLE_CHAT[dialect]]


def _get_fresh_condition(criteria: ChatCriteria, dialect: Dialect) -> str:
    return (searchable_text.FRESH if criteria.tags else searchable_text.SAME_TEXT)[dialect]


def _build_early_conditions(criteria: ChatCriteria, row: str) -> list[str]:
    return [condition.format(row=row) for condition in criteria.row_conditions]


def _build_statement(
    select: str, where: list[str], criteria: ChatCriteria, order: str, params: dict[str, Any], limit: int
) -> SearchStatement:
    text = f"{select} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT :limit"
    return SearchStatement(text, {"user_id": criteria.user_id, "limit": limit, **criteria.params, **params})


def _build_tag_conditions(criteria: ChatCriteria) -> tuple[list[str], dict[str, Any]]:
    # The offset keeps PostgreSQL from starting with the tags.
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
    """Select matching chats out of `rows` of the index: the rows are in order, and read until there are enough."""
    owner_conditions = _build_owner_conditions(criteria, dialect)
    if dialect == "sqlite":
        # SQLite joins the tables in this order: it tests the text before it reads the chat.
        body = "CROSS JOIN fastback_search_text b ON b.number = s.number" if criteria.needles else ""
        chat = "CROSS JOIN chat c ON c.id = s.chat_id"
        where = [*where, *owner_conditions]
    else:
        body = ""
        own_chat = " AND ".join(["c.id = s.chat_id", *owner_conditions])
        chat = f"CROSS JOIN LATERAL (SELECT c.* FROM chat c WHERE {own_chat} OFFSET 0) c"
    select = f"SELECT {_HIT}, {_get_fresh_condition(criteria, dialect)} FROM ({rows}) s {body} {chat}"
    return _build_statement(select, where or ["TRUE"], criteria, _ORDER, params, limit)


def build_newest_statement(criteria: ChatCriteria, dialect: Dialect, *, window: int, limit: int) -> SearchStatement:
    """Search the `window` newest chats of the index, which is enough for words that many chats contain."""
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
    """Search the whole index: by tag, by the `expression` of `SearchIndex.build_expression`, or row by row.

    Row by row, the texts are not read where titles alone decide.
    """
    by_index = bool(expression) and not criteria.tags
    needles = criteria.needles if by_index or not criteria.in_titles else []
    needle_conditions, params = _build_needle_conditions(dialect, _BODY[dialect], needles, by_index=by_index)
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
        # PostgreSQL underestimates the cost of reading long texts: this keeps it from using any other index.
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
    """Search the chats themselves: all, those in `ids`, or (`indexed`) those whose row of the index is outdated.

    `titles` leaves the messages out, for documents that the database cannot read.
    """
    body = (searchable_text.TITLE_ALONE if titles else searchable_text.SEARCHED)[dialect]
    needle_conditions, params = _build_needle_conditions(dialect, body, criteria.needles)
    conditions = [VISIBLE_CHAT[dialect]]
    for number, tag in enumerate(criteria.tags):
        if tag == "none":
            conditions.append(_UNTAGGED[dialect])
        else:
            conditions.append(_TAGGED[dialect].format(name=f"tag{number}"))
            params[f"tag{number}"] = tag
    is_match = " AND ".join([*conditions, *needle_conditions])
    where = [criteria.owner_condition, *criteria.conditions, *_build_early_conditions(criteria, "c")]
    start = f"SELECT {_CHAT} FROM chat c"
    order = f"{'+' if criteria.has_few else ''}c.updated_at DESC, c.id"
    if dialect == "postgres" and ids is None:
        # Sort first: the documents are then read one by one, until there are enough.
        start = f"""SELECT {_CHAT} FROM (SELECT c.* FROM chat c WHERE {" AND ".join(where)}
            ORDER BY {order} OFFSET 0) c"""
        where = []
    if ids is not None:
        where.insert(0, "c.id = ANY(:ids)")
        params["ids"] = ids
    if indexed:
        # Join along an index of each table in the same order: there may be very many rows.
        start += {
            "sqlite": """ LEFT JOIN fastback_search_chat s
                ON s.user_id = c.user_id AND s.updated_at = c.updated_at AND s.chat_id = c.id""",
            "postgres": """ LEFT JOIN LATERAL (SELECT i.* FROM fastback_search_chat i WHERE i.chat_id = c.id
                OFFSET 0) s ON TRUE""",
        }[dialect]
        is_outdated = f"(s.chat_id IS NULL OR NOT {_get_fresh_condition(criteria, dialect)})"
        # Reading a document costs more than all other conditions: CASE keeps their order.
        is_match = f"CASE WHEN {is_outdated} THEN {is_match} ELSE FALSE END"
    return _build_statement(start, [*where, is_match], criteria, order, params, limit)
