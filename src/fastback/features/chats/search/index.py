"""The search index of chats: tables derived from `chat`, and the chats that changed since the last comparison.

A row of the index counts only if the chat is the same as when the row was written (`searchable_text.FRESH`); a
search reads changed chats themselves until the index has caught up.
"""

from __future__ import annotations

import itertools
import logging
import re

import msgspec

from fastback.features.chats.search import index_store
from fastback.features.chats.search.index_store import DESIGN
from fastback.features.chats.search.query import Needle, find_longest_piece, list_trigrams
from fastback.kit.db import Database, DatabaseError
from fastback.kit.db.derived_tables import DerivedTables, TableChange, make_derived_tables
from fastback.kit.outages import find_outage

log = logging.getLogger("fastback.search")

#: The characters that pg_trgm builds trigrams of, whatever the locale of the database is.
_WORD = re.compile("[a-z0-9]{3}")
#: A short word that starts more trigrams than this is too frequent for the index to help.
_MAX_TERMS = 400


#: Bytes of a document from which it is read in a process of its own: that takes many times its size.
LARGE_DOCUMENT = 4 * 1024 * 1024


def _quote_run(run: str) -> str:
    return '"' + run.replace('"', '""') + '"'


class ComparedChat(msgspec.Struct):
    """A chat, and whether its row of the index is outdated."""

    id: str
    stale: bool


class SearchIndex:
    """The tables of the index, and the chats that changed since the index was compared with them.

    Attributes:
        ready: whether there are tables to search; without them a search reads the chats themselves.
        compared_at: the time (seconds) from which on changes are detected by `updated_at`, once the whole index was
            compared; None before.
    """

    def __init__(self, db: Database) -> None:
        self.tables: DerivedTables = make_derived_tables(db, DESIGN)
        self.dialect = self.tables.dialect
        self.ready = False
        self.compared_at: int | None = None
        #: Changed chats, each with the number of its last change.
        self._changes: dict[str, int] = {}
        self._change_count = 0

    async def open(self) -> None:
        """Create the tables; if that fails, log it and search without the index.

        Raises:
            DatabaseError: an outage is the reason, so it may succeed later.
        """
        try:
            await self.tables.open()
        except DatabaseError as error:
            if find_outage(error) is not None:
                raise
            log.warning("opening the search index failed, chats are searched without it: %s", error)
            return
        if not self.tables.has_optional:
            log.warning("PostgreSQL extension pg_trgm not found: searching many chats is slow")
        self.ready = True

    # -- changed chats --------------------------------------------------------------------------------------------

    def mark_changed(self, chat_id: str) -> None:
        """Record that a chat changed."""
        self._change_count += 1
        self._changes[chat_id] = self._change_count

    def list_changed(self) -> list[str]:
        """Return the changed chats of all users that the index does not contain yet."""
        return list(self._changes)

    def list_pending(self, limit: int) -> list[tuple[str, int]]:
        """Return at most `limit` changed chats, each with the number of its last change."""
        return list(itertools.islice(self._changes.items(), limit))

    def clear_pending(self, indexed: list[tuple[str, int]]) -> None:
        """Remove indexed chats from the changed ones, except those that changed again meanwhile."""
        for chat_id, change in indexed:
            if self._changes.get(chat_id) == change:
                del self._changes[chat_id]

    # -- writing --------------------------------------------------------------------------------------------------

    async def index_chats(self, chat_ids: list[str]) -> None:
        """Write the current state of these chats into the index, and delete the rows of deleted chats.

        Raises:
            DatabaseError: the index cannot be written now.
        """
        large_ids = await self._list_large_ids(chat_ids)
        for chat_id in large_ids:
            await self._write_chats([chat_id], is_large=True)
        if others := [chat_id for chat_id in chat_ids if chat_id not in large_ids]:
            await self._write_chats(others)

    async def _list_large_ids(self, chat_ids: list[str]) -> list[str]:
        if self.dialect == "postgres":
            return []  # the database itself reads them
        text = index_store.LIST_LARGE_SQLITE
        return await self.tables.fetch_all_in_thread(str, "search.list_large", text, ids=chat_ids, size=LARGE_DOCUMENT)

    async def _write_chats(self, chat_ids: list[str], *, is_large: bool = False) -> None:
        try:
            await self.tables.apply_changes(self._build_changes(chat_ids, titles_only=False), is_large=is_large)
        except DatabaseError as error:
            if find_outage(error) is not None:
                raise
            if len(chat_ids) > 1:
                for chat_id in chat_ids:
                    await self._write_chats([chat_id])
                return
            log.warning("indexing chat %s failed, only its title can be found: %s", chat_ids[0], error)
            await self.tables.apply_changes(self._build_changes(chat_ids, titles_only=True))

    def _build_changes(self, chat_ids: list[str], *, titles_only: bool) -> list[TableChange]:
        statements = index_store.build_index_statements(self.dialect, titles_only=titles_only)
        return [TableChange("search.index_chats", text, {"ids": chat_ids}) for text in statements]

    async def delete_chats(self, chat_ids: list[str]) -> None:
        """Delete chats from the index."""
        statements = index_store.DELETE_CHATS[self.dialect]
        changes = [TableChange("search.delete_chats", text, {"ids": chat_ids}) for text in statements]
        await self.tables.apply_changes(changes)

    # -- comparing ------------------------------------------------------------------------------------------------

    async def compare_next(self, after: str, limit: int) -> list[ComparedChat]:
        """Compare the next chats, in the order of their ids, with the index."""
        return await self.tables.fetch_all_in_thread(
            ComparedChat, "search.compare", index_store.COMPARE_CHATS[self.dialect], after=after, limit=limit
        )

    async def list_orphan_ids(self, user_id: str | None, limit: int) -> list[str]:
        """Return chats in the index that no longer exist: those of a user, or of all users."""
        if user_id is None:
            return await self.tables.fetch_all_in_thread(
                str, "search.list_orphans", index_store.LIST_ORPHANS, limit=limit
            )
        return await self.tables.fetch_all_in_thread(
            str, "search.list_orphans_of_user", index_store.LIST_ORPHANS_OF_USER, user_id=user_id, limit=limit
        )

    async def list_changed_since(self, user_id: str, second: int) -> list[str]:
        """Return a user's chats with a later `updated_at` whose row of the index is outdated or missing."""
        text = index_store.LIST_CHANGED_SINCE[self.dialect]
        return await self.tables.fetch_all_in_thread(
            str, "search.list_changed_since", text, user_id=user_id, second=second
        )

    # -- searching ------------------------------------------------------------------------------------------------

    async def count_chats(self, user_id: str, limit: int) -> int:
        """Return how many chats of a user the index contains, counting at most `limit`."""
        counts = await self.tables.fetch_all_in_thread(
            int, "search.count_chats", index_store.COUNT_CHATS, user_id=user_id, limit=limit
        )
        return counts[0]

    async def build_expression(self, needles: list[Needle]) -> str:
        """Return the full-text expression that texts with all needles match, for SQLite's index.

        For PostgreSQL the text of the first needle. Empty if the index cannot help.
        """
        if self.dialect != "sqlite":
            has_trigram = self.tables.has_optional and any(_WORD.search(needle.text) for needle in needles)
            return needles[0].text if has_trigram else ""
        parts = []
        for needle in needles:
            if runs := list_trigrams(needle):
                parts += [_quote_run(run) for run in runs]
            elif start := find_longest_piece(needle):
                # Each text ends in two line ends, so every character of it starts a trigram.
                terms = await self.tables.fetch_all_in_thread(
                    str,
                    "search.list_terms",
                    index_store.LIST_TERMS_SQLITE,
                    start=start,
                    end=f"{start}\U0010ffff",
                    limit=_MAX_TERMS + 1,
                )
                if not terms:
                    parts.append(_quote_run(f"{start}\n\n\n"[:3]))
                elif len(terms) <= _MAX_TERMS:
                    parts.append(f"({' OR '.join(map(_quote_run, terms))})")
        return " AND ".join(parts)
