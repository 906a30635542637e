"""The search of notes: those whose title or text contains every word of a query."""

from __future__ import annotations

import time

from fastback.access.identity import User
from fastback.features.notes import list_fragments
from fastback.features.notes.list_fragments import NoteRow
from fastback.kit.db.database import Dialect
from fastback.records.listing import Listing, RecordCatalog

#: Words of a query that the search uses.
MAX_WORDS = 32


def add_words(listing: Listing, dialect: Dialect, query: str | None) -> None:
    """Restrict a list to the notes that contain every word of a query, in place."""
    for number, word in enumerate(_split_words(query)):
        listing.where += f" AND {list_fragments.build_word_condition(dialect, f'word_{number}')}"
        listing.params[f"word_{number}"] = f"%{word}%"


async def search_shared_notes(
    catalog: RecordCatalog, user: User, query: str, *, since: int | None, until: int | None, limit: int
) -> list[NoteRow]:
    """Return the notes with these words that a user owns or was granted, last changed first.

    `since` and `until` bound the time of the last change, in nanoseconds.
    """
    bounds = {"since": since or 0, "until": until or time.time_ns() + 10**18}
    listing = Listing(list_fragments.UPDATED_BETWEEN, "t.updated_at DESC, t.id", bounds)
    add_words(listing, catalog.db.dialect, query)
    rows, _ = await catalog.list_rows(
        NoteRow,
        user,
        resource="note",
        columns=list_fragments.COLUMNS[catalog.db.dialect],
        table="note",
        joined=list_fragments.JOIN_PINS,
        where=listing.where,
        order=listing.order,
        page=(limit, 0),
        all_to_admins=False,
        me=user.id,
        **listing.params,
    )
    return rows


def _split_words(query: str | None) -> list[str]:
    """Return the words of a query without hyphens, at most `MAX_WORDS`."""
    words = [word.replace("-", "") for word in (query or "").split()]
    return [word for word in words if word][:MAX_WORDS]
