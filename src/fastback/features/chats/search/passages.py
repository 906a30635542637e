"""Which message of a chat shows why it was found, and what stands around the words.

The statements speak of a row with a document as `c`: a chat, or a snapshot of one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fastback.features.chats.search.searchable_text import FOLD
from fastback.kit.db.derived_tables import DerivedTables

LENGTH = 200
#: More words than that are not looked for one by one.
_MOST = 12

#: The messages that say something, in their order; chats of old have a list in place of the tree.
_SAID = {
    "sqlite": """(SELECT m.value ->> '$.content' AS content, m.value ->> '$.id' AS id, m.id AS place
        FROM json_each(CASE WHEN json_valid(c.chat) THEN c.chat ELSE 'null' END, CASE
            WHEN json_valid(c.chat) AND COALESCE(c.chat -> '$.history.messages', '{}') NOT IN ('{}', '[]', 'null')
            THEN '$.history.messages' ELSE '$.messages' END) m
        WHERE CASE WHEN m.type = 'object' THEN json_type(m.value, '$.content') = 'text' ELSE FALSE END) said""",
    "postgres": """(SELECT m.value ->> 'content' AS content, m.value ->> 'id' AS id, m.place FROM (
            SELECT value, place FROM json_each(CASE WHEN json_typeof(c.chat #> '{history,messages}') = 'object'
                THEN c.chat #> '{history,messages}' ELSE '{}'::json END) WITH ORDINALITY AS tree(key, value, place)
            UNION ALL
            SELECT value, place FROM json_array_elements(CASE WHEN json_typeof(c.chat -> 'messages') = 'array'
                AND COALESCE(CAST(c.chat #> '{history,messages}' AS text), '{}') IN ('{}', 'null')
                THEN c.chat -> 'messages' ELSE '[]'::json END) WITH ORDINALITY AS list(value, place)) m
        WHERE CASE WHEN json_typeof(m.value) = 'object'
            THEN json_typeof(m.value -> 'content') = 'string' ELSE FALSE END) said""",
}
_HOLDS = {
    "sqlite": f"instr({FOLD}(CAST(said.content AS BLOB)), :{{name}}) > 0",
    "postgres": "strpos(lower(said.content), :{name}) > 0",
}
#: A message as a JSON array of its content and its id.
_BOTH = {"sqlite": "json_array(said.content, said.id)", "postgres": "json_build_array(said.content, said.id)"}


class Passage(msgspec.Struct):
    """What a message says; its id when it was found by its words."""

    content: str = ""
    message_id: str | None = None


class _Row(msgspec.Struct):
    id: str
    found: list[str | None] | None
    last: list[str | None] | None


def _select_first(dialect: str, where: str, order: str = "") -> str:
    return f"(SELECT {_BOTH[dialect]} FROM {_SAID[dialect]} WHERE {where} {order} LIMIT 1)"


def _build_conditions(dialect: str, count: int) -> list[str]:
    return [_HOLDS[dialect].format(name=f"needle{place}") for place in range(count)]


async def _read_rows(
    tables: DerivedTables, table: str, ids: list[str], needles: list[str], found: str, last: str
) -> list[_Row]:
    params = {f"needle{place}": needle for place, needle in enumerate(needles)}
    text = f"SELECT c.id, {found}, {last} FROM {table} c WHERE c.id = ANY(:ids)"
    return await tables.fetch_all_in_thread(_Row, "search.passages", text, ids=ids, **params)


async def load_snippets(tables: DerivedTables, chat_ids: list[str], needles: list[str]) -> dict[str, str]:
    """By chat: what stands around the first of the needles (small letters) that one of its messages holds."""
    if not chat_ids or not needles:
        return {}
    needles = needles[:_MOST]
    dialect = tables.dialect
    # The first needle that stands anywhere counts, not the first message that holds any.
    found = ", ".join(_select_first(dialect, where) for where in _build_conditions(dialect, len(needles)))
    rows = await _read_rows(tables, "chat", chat_ids, needles, f"COALESCE({found}, NULL)", "NULL")
    pieces = ((row.id, cut_snippet(row.found[0] or "", needles)) for row in rows if row.found)
    return {chat_id: piece for chat_id, piece in pieces if piece is not None}


async def load_passages(
    tables: DerivedTables, table: Literal["chat", "shared_chat"], ids: list[str], terms: list[str]
) -> dict[str, Passage]:
    """By row: the first message with all terms, else the first with one of them, else the last message."""
    if not ids:
        return {}
    dialect = tables.dialect
    terms = terms[:_MOST]
    holds = _build_conditions(dialect, len(terms))
    every, one = (_select_first(dialect, joint.join(holds)) if holds else "NULL" for joint in (" AND ", " OR "))
    last = _select_first(dialect, "TRUE", "ORDER BY said.place DESC")
    rows = await _read_rows(tables, table, ids, terms, f"COALESCE({every}, {one})", last)
    return {row.id: _build_passage(row) for row in rows}


def _build_passage(row: _Row) -> Passage:
    if row.found:
        return Passage(row.found[0] or "", row.found[1])
    return Passage((row.last[0] or "") if row.last else "")


def cut_snippet(content: str, needles: list[str]) -> str | None:
    """At most `LENGTH` characters around the first needle that is there, spaces drawn together."""
    lowered = content.lower()
    for needle in needles:
        place = lowered.find(needle)
        if place < 0:
            continue
        start = max(place - LENGTH // 2, 0)
        end = min(start + LENGTH, len(content))
        if place + len(needle) > end:
            end = min(place + len(needle), len(content))
            start = max(end - LENGTH, 0)
        piece = " ".join(content[start:end].split())
        return f"{'...' if start else ''}{piece}{'...' if end < len(content) else ''}"
    return None
