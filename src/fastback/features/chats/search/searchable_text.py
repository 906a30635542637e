"""Which text of a chat is searched: its title and what its messages say, in small letters, without pictures.

Two line ends stand between the title and the messages, so that no phrase reaches from one into the next. The fragments
of statements here speak of a chat as `c`.
"""

from __future__ import annotations

import re

_PICTURE = ";base64,"
_PICTURE_END = re.compile(r"""[)"'\s>\\]""")

#: What SQLite is taught, see `SEARCHED`.
FOLD = "fastback_fold"


def fold_text(text: bytes | str | None) -> str | None:
    """A text as it is searched: small letters, the bytes of embedded pictures left out."""
    if text is None:
        return None
    found = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if _PICTURE in found:
        found = _remove_pictures(found)
    return found.lower()


def _remove_pictures(text: str) -> str:
    kept = []
    start = 0
    while (place := text.find(_PICTURE, start)) >= 0:
        place += len(_PICTURE)
        kept.append(text[start:place])
        end = _PICTURE_END.search(text, place)
        start = end.start() if end else len(text)
    kept.append(text[start:])
    return "".join(kept)


def _select_sqlite_messages(path: str) -> str:
    return f"""SELECT m.value ->> '$.content' AS content
        FROM json_each(CASE WHEN json_valid(c.chat) THEN c.chat ELSE 'null' END, '{path}') m
        WHERE CASE WHEN m.type = 'object' THEN json_type(m.value, '$.content') IN ('text', 'array') ELSE FALSE END"""


def _select_postgres_messages(path: str, kind: str, each: str, empty: str) -> str:
    return f"""SELECT m.value ->> 'content' AS content
        FROM {each}(CASE WHEN json_typeof({path}) = '{kind}' THEN {path} ELSE '{empty}'::json END) m
        WHERE CASE WHEN json_typeof(m.value) = 'object'
            THEN json_typeof(m.value -> 'content') IN ('string', 'array') ELSE FALSE END"""


_POSTGRES_TREE = _select_postgres_messages("c.chat #> '{history,messages}'", "object", "json_each", "{}")
_POSTGRES_LIST = _select_postgres_messages("c.chat -> 'messages'", "array", "json_array_elements", "[]")

#: The searched text of a chat. PostgreSQL refuses to read JSON with NUL in it: there the title alone is searched.
SEARCHED = {
    "sqlite": f"""{FOLD}(CAST(COALESCE(c.title, '') || char(10, 10) || COALESCE((
        SELECT group_concat(said.content, char(10, 10)) FROM (
            {_select_sqlite_messages("$.history.messages")} UNION {_select_sqlite_messages("$.messages")}) said), '')
        || char(10, 10) AS BLOB))""",
    "postgres": f"""(SELECT lower(CASE WHEN strpos(whole.text, '{_PICTURE}') > 0
            THEN regexp_replace(whole.text, '{_PICTURE}[A-Za-z0-9+/=]+', '{_PICTURE}', 'g') ELSE whole.text END)
        FROM (SELECT COALESCE(c.title, '') || chr(10) || chr(10)
            || CASE WHEN strpos(CAST(c.chat AS text), '\\u0000') > 0 THEN ''
                ELSE COALESCE((SELECT string_agg(said.content, chr(10) || chr(10))
                    FROM ({_POSTGRES_TREE} UNION {_POSTGRES_LIST}) said), '') END
            || chr(10) || chr(10) AS text OFFSET 0) whole)""",
}

#: The searched text where the document of a chat cannot be read.
TITLE_ALONE = {
    "sqlite": f"{FOLD}(CAST(COALESCE(c.title, '') || char(10, 10) AS BLOB))",
    "postgres": "lower(COALESCE(c.title, '') || chr(10) || chr(10))",
}

#: The tags of a chat as they are written down.
TAGS = "COALESCE(c.meta ->> 'tags', '')"

#: How large the document of a chat is, said without reading it.
SIZE = {
    "sqlite": "COALESCE(octet_length(c.chat), 0)",
    "postgres": "COALESCE(pg_column_size(c.chat), 0)",
}

#: What makes small letters of a title.
LOWER = {"sqlite": FOLD, "postgres": "lower"}

#: Whether the text that the index (`s`) knows of a chat is what the chat says; asked without reading far into a row.
SAME_TEXT = {
    dialect: f"""(s.updated_at IS NOT DISTINCT FROM c.updated_at AND s.title IS NOT DISTINCT FROM c.title
        AND s.size = {size})"""
    for dialect, size in SIZE.items()
}

#: Whether its tags are the same as well.
FRESH = {dialect: f"({same} AND s.tags = {TAGS})" for dialect, same in SAME_TEXT.items()}

#: Chats that belong to a note or a subagent are no chats of a person.
VISIBLE = {
    "sqlite": "COALESCE(json_extract(c.meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(c.meta ->> 'internal', 'false') <> 'true'",
}
