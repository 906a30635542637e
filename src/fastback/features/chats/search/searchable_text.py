"""The searched text of a chat: its title and messages, in lower case, without embedded pictures.

Two line ends separate the title and the messages, so that no phrase matches across them. The SQL fragments refer to a
chat as `c`.
"""

from __future__ import annotations

import re

_PICTURE = ";base64,"
_PICTURE_END = re.compile(r"""[)"'\s>\\]""")

#: The function that SQLite calls to normalize a text, see `SEARCHED`.
FOLD = "fastback_fold"


def fold_text(text: bytes | str | None) -> str | None:
    """Return a text as it is searched: lower case, without the bytes of embedded pictures."""
    if text is None:
        return None
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if _PICTURE in decoded:
        decoded = _remove_pictures(decoded)
    return decoded.lower()


def _remove_pictures(text: str) -> str:
    parts = []
    start = 0
    while (position := text.find(_PICTURE, start)) >= 0:
        position += len(_PICTURE)
        parts.append(text[start:position])
        end = _PICTURE_END.search(text, position)
        start = end.start() if end else len(text)
    parts.append(text[start:])
    return "".join(parts)


def _select_sqlite_messages(path: str) -> str:
    return f"""SELECT m.value ->> '$.content' AS content
        FROM json_each(CASE WHEN json_valid(c.chat) AND json_type(c.chat, '{path}') IS NOT NULL THEN c.chat
            ELSE 'null' END, '{path}') m
        WHERE CASE WHEN m.type = 'object' THEN json_type(m.value, '$.content') IN ('text', 'array') ELSE FALSE END"""


def _select_postgres_messages(path: str, kind: str, each: str, empty: str) -> str:
    return f"""SELECT m.value ->> 'content' AS content
        FROM {each}(CASE WHEN json_typeof({path}) = '{kind}' THEN {path} ELSE '{empty}'::json END) m
        WHERE CASE WHEN json_typeof(m.value) = 'object'
            THEN json_typeof(m.value -> 'content') IN ('string', 'array') ELSE FALSE END"""


_POSTGRES_TREE = _select_postgres_messages("c.chat::readable #> '{history,messages}'", "object", "json_each", "{}")
_POSTGRES_LIST = _select_postgres_messages("c.chat::readable -> 'messages'", "array", "json_array_elements", "[]")

#: The searched text of a chat.
SEARCHED = {
    # Each text is normalized by itself: a call with all of them would hold several copies of them in memory.
    "sqlite": f"""({FOLD}(CAST(COALESCE(c.title, '') AS BLOB)) || char(10, 10) || COALESCE((
        SELECT group_concat({FOLD}(CAST(message.content AS BLOB)), char(10, 10)) FROM (
            {_select_sqlite_messages("$.history.messages")} UNION {_select_sqlite_messages("$.messages")}) message), '')
        || char(10, 10))""",
    "postgres": f"""(SELECT lower(CASE WHEN strpos(whole.text, '{_PICTURE}') > 0
            THEN regexp_replace(whole.text, '{_PICTURE}[A-Za-z0-9+/=]+', '{_PICTURE}', 'g') ELSE whole.text END)
        FROM (SELECT COALESCE(c.title, '') || chr(10) || chr(10)
            || COALESCE((SELECT string_agg(message.content, chr(10) || chr(10))
                FROM ({_POSTGRES_TREE} UNION {_POSTGRES_LIST}) message), '')
            || chr(10) || chr(10) AS text OFFSET 0) whole)""",
}

#: The searched text of a chat whose document the database cannot read.
TITLE_ALONE = {
    "sqlite": f"{FOLD}(CAST(COALESCE(c.title, '') || char(10, 10) AS BLOB))",
    "postgres": "lower(COALESCE(c.title, '') || chr(10) || chr(10))",
}

#: The tags of a chat as the index stores them.
TAGS = "COALESCE(c.meta::readable ->> 'tags', '')"

#: The size of a chat's document, computed without reading it.
SIZE = {
    "sqlite": "COALESCE(octet_length(c.chat), 0)",
    "postgres": "COALESCE(pg_column_size(c.chat), 0)",
}

#: The function that converts a title to lower case.
LOWER = {"sqlite": FOLD, "postgres": "lower"}

#: Whether the text in the index (`s`) is that of the chat; computed without reading the document.
SAME_TEXT = {
    dialect: f"""(s.updated_at IS NOT DISTINCT FROM c.updated_at AND s.title IS NOT DISTINCT FROM c.title
        AND s.size = {size})"""
    for dialect, size in SIZE.items()
}

#: Whether the text and the tags in the index are those of the chat.
FRESH = {dialect: f"({same} AND s.tags = {TAGS})" for dialect, same in SAME_TEXT.items()}
