"""Statements that read a matching message out of the document of a chat.

The fragments refer to a row with a document as `c`: a chat, or a shared snapshot of one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from fastback.features.chats.search import searchable_text
from fastback.kit.db.database import Dialect
from fastback.kit.db.derived_tables import DerivedTables


class PassageRow(msgspec.Struct):
    """A matching message, and the last message, each as `[content, id]`; None without one."""

    id: str
    match: list[str | None] | None
    last: list[str | None] | None


#: The messages with a text, in order; old chats have a list in place of the tree.
_MESSAGES = {
    "sqlite": """(SELECT m.value ->> '$.content' AS content, m.value ->> '$.id' AS id, m.id AS place
        FROM json_each(CASE WHEN json_valid(c.chat) THEN c.chat ELSE 'null' END, CASE
            WHEN json_valid(c.chat) AND COALESCE(c.chat -> '$.history.messages', '{}') NOT IN ('{}', '[]', 'null')
            THEN '$.history.messages' ELSE '$.messages' END) m
        WHERE CASE WHEN m.type = 'object' THEN json_type(m.value, '$.content') = 'text' ELSE FALSE END) message""",
    "postgres": """(SELECT m.value ->> 'content' AS content, m.value ->> 'id' AS id, m.place FROM (
            SELECT c.chat::readable #> '{history,messages}' AS tree, c.chat::readable -> 'messages' AS list) document
        CROSS JOIN LATERAL (
            SELECT value, place FROM json_each(CASE WHEN json_typeof(document.tree) = 'object'
                THEN document.tree ELSE '{}'::json END) WITH ORDINALITY AS tree(key, value, place)
            UNION ALL
            SELECT value, place FROM json_array_elements(CASE WHEN json_typeof(document.list) = 'array'
                AND COALESCE(CAST(document.tree AS text), '{}') IN ('{}', 'null')
                THEN document.list ELSE '[]'::json END) WITH ORDINALITY AS list(value, place)) m
        WHERE CASE WHEN json_typeof(m.value) = 'object'
            THEN json_typeof(m.value -> 'content') = 'string' ELSE FALSE END) message""",
}
_CONTAINS = {
    "sqlite": f"instr({searchable_text.FOLD}(CAST(message.content AS BLOB)), :{{name}}) > 0",
    "postgres": "strpos(lower(message.content), :{name}) > 0",
}
#: A message as a JSON array of its content and its id.
_CONTENT_AND_ID = {
    "sqlite": "json_array(message.content, message.id)",
    "postgres": "json_build_array(message.content, message.id)",
}


def _select_first(dialect: Dialect, condition: str, order: str = "") -> str:
    return f"(SELECT {_CONTENT_AND_ID[dialect]} FROM {_MESSAGES[dialect]} WHERE {condition} {order} LIMIT 1)"


def _build_conditions(dialect: Dialect, count: int) -> list[str]:
    return [_CONTAINS[dialect].format(name=f"needle{number}") for number in range(count)]


@lru_cache(maxsize=64)  # the number of words or chats differs from request to request
def _build_snippet_statement(dialect: Dialect, count: int) -> str:
    # The first needle that any message contains counts, not the first message that contains any needle.
    matches = ", ".join(_select_first(dialect, condition) for condition in _build_conditions(dialect, count))
    return f"SELECT c.id, COALESCE({matches}, NULL), NULL FROM chat c WHERE c.id = ANY(:ids)"


@lru_cache(maxsize=64)  # the number of words or chats differs from request to request
def _build_passage_statement(dialect: Dialect, table: str, count: int) -> str:
    conditions = _build_conditions(dialect, count)
    with_all, with_any = (
        _select_first(dialect, operator.join(conditions)) if conditions else "NULL" for operator in (" AND ", " OR ")
    )
    last = _select_first(dialect, "TRUE", "ORDER BY message.place DESC")
    return f"SELECT c.id, COALESCE({with_all}, {with_any}), {last} FROM {table} c WHERE c.id = ANY(:ids)"


def _build_params(needles: list[str]) -> dict[str, str]:
    return {f"needle{number}": needle for number, needle in enumerate(needles)}


async def list_matching_messages(tables: DerivedTables, chat_ids: list[str], needles: list[str]) -> list[PassageRow]:
    """Return, for each chat, the message that contains the first of the needles that is in any message."""
    text = _build_snippet_statement(tables.dialect, len(needles))
    return await tables.fetch_all_in_thread(
        PassageRow, "search.list_matching_messages", text, ids=chat_ids, **_build_params(needles)
    )


async def list_passages(
    tables: DerivedTables, table: Literal["chat", "shared_chat"], ids: list[str], terms: list[str]
) -> list[PassageRow]:
    """Return, for each row, the first message with all terms, else the first with one of them, and the last message."""
    text = _build_passage_statement(tables.dialect, table, len(terms))
    return await tables.fetch_all_in_thread(PassageRow, "search.list_passages", text, ids=ids, **_build_params(terms))
