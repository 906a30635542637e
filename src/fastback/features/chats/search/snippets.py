"""The piece of a message that shows why a chat was found."""

from __future__ import annotations

import msgspec

from fastback.features.chats.search.text import FOLD
from fastback.kit.db.derived import Derived

LENGTH = 200


class _Said(msgspec.Struct):
    id: str
    content: str | None


def _first(dialect: str, name: str) -> str:
    """The first message of a chat that holds a needle; chats of old have a list in place of the tree."""
    if dialect == "sqlite":
        return f"""(SELECT m.value ->> '$.content' FROM json_each(c.chat, CASE
                WHEN COALESCE(c.chat -> '$.history.messages', '{{}}') IN ('{{}}', '[]', 'null')
                THEN '$.messages' ELSE '$.history.messages' END) m
            WHERE CASE WHEN m.type = 'object' AND json_type(m.value, '$.content') = 'text'
                THEN instr({FOLD}(CAST(m.value ->> '$.content' AS BLOB)), :{name}) > 0 ELSE FALSE END LIMIT 1)"""
    said = "json_typeof(m.value -> 'content') = 'string' AND strpos(lower(m.value ->> 'content'), :{name}) > 0"
    said = f"CASE WHEN json_typeof(m.value) = 'object' THEN {said.format(name=name)} ELSE FALSE END"
    return f"""COALESCE(
        (SELECT m.value ->> 'content' FROM json_each(CASE WHEN json_typeof(c.chat #> '{{history,messages}}') = 'object'
            THEN c.chat #> '{{history,messages}}' ELSE '{{}}'::json END) m WHERE {said} LIMIT 1),
        (SELECT m.value ->> 'content' FROM json_array_elements(CASE WHEN json_typeof(c.chat -> 'messages') = 'array'
            THEN c.chat -> 'messages' ELSE '[]'::json END) m WHERE {said} LIMIT 1))"""


async def of_chats(tables: Derived, chat_ids: list[str], needles: list[str]) -> dict[str, str]:
    """By chat: what stands around the first of the needles (small letters) that one of its messages holds."""
    if not chat_ids or not needles:
        return {}
    # The length of the statement grows with the needles; more of them than that nobody types.
    names = {f"needle{place}": needle for place, needle in enumerate(needles[:8])}
    found = ", ".join(_first(tables.dialect, name) for name in names)
    rows = await tables.all_long(
        _Said,
        "search.snippets",
        f"SELECT c.id, COALESCE({found}, NULL) FROM chat c WHERE c.id = ANY(:ids)",
        ids=chat_ids,
        **names,
    )
    return {row.id: cut for row in rows if row.content is not None and (cut := around(row.content, needles))}


def around(content: str, needles: list[str]) -> str | None:
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
