"""SQL of the lists of notes: columns, pins, and the condition that a note contains the searched words."""

from __future__ import annotations

from functools import cache

import msgspec

from fastback.kit.db.database import Dialect
from fastback.kit.db.indexes import Index

#: Characters of a note's text that lists show.
EXCERPT_LENGTH = 1000


class NoteRow(msgspec.Struct):
    """A note as lists read it; `excerpt` is None for a note without data."""

    id: str
    user_id: str
    title: str
    excerpt: str | None
    meta: msgspec.Raw
    is_pinned: bool
    created_at: int
    updated_at: int


#: A user's notes, and what lists sort and search by: SQLite reads a note's text to reach its times in a row.
INDEXES = (
    Index("fastback_note_user", sqlite="ON note (user_id, id)", postgres="ON note (user_id)"),
    Index("fastback_note_head", sqlite="ON note (id, user_id, updated_at, created_at, title)", postgres=None),
)

#: The text of a note `t`. PostgreSQL parses the JSON once for a path, and once for each operator.
_TEXT: dict[Dialect, str] = {
    "sqlite": "t.data -> 'content' ->> 'md'",
    "postgres": "t.data::readable #>> '{content,md}'",
}
#: The columns of `NoteRow`. Lists never read whole notes.
COLUMNS = {
    dialect: f"""t.id, t.user_id, t.title,
    CASE WHEN t.data IS NULL OR CAST(t.data AS TEXT) IN ('null', '{{}}') THEN NULL
         ELSE substr(COALESCE({text}, ''), 1, {EXCERPT_LENGTH}) END,
    t.meta, p.note_id IS NOT NULL, t.created_at, t.updated_at"""
    for dialect, text in _TEXT.items()
}
#: Joins the pin of the user `:me`, if there is one.
JOIN_PINS = "LEFT JOIN pinned_note p ON p.note_id = t.id AND p.user_id = :me"
IS_PINNED = "p.note_id IS NOT NULL"
PINNED_ORDER = "p.created_at DESC, t.id"

#: Bounds of the time of the last change, in nanoseconds.
UPDATED_BETWEEN = "t.updated_at BETWEEN :since AND :until"

ORDERS = {"name": "t.title", "created_at": "t.created_at", "updated_at": "t.updated_at"}


@cache
def build_word_condition(dialect: Dialect, parameter: str) -> str:
    """Return the condition that the title or the text contains a word. Ignores hyphens and spaces: "todo" finds
    "to-do"."""
    columns = ("t.title", _TEXT[dialect])
    matches = [f"lower(replace(replace({column}, '-', ''), ' ', '')) LIKE lower(:{parameter})" for column in columns]
    return f"({' OR '.join(matches)})"
