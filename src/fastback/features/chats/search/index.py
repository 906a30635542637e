"""The index of chats: for each its searched text, the three-character runs of that text, and its tags.

Made of the table `chat` and compared with it: a chat of the index counts where what it was made of still stands
(`text.FRESH`); a chat that changed is searched itself until the index has followed.
"""

from __future__ import annotations

import itertools
import logging
import re
from typing import Any

import msgspec

from fastback.features.chats.search.query import Needle, find_longest_piece, list_trigrams
from fastback.features.chats.search.searchable_text import FOLD, FRESH, SEARCHED, SIZE, TAGS, TITLE_ALONE, fold_text
from fastback.kit.db import Database, DatabaseError
from fastback.kit.db.derived_tables import DerivedTables, TableChange, TablesDesign, make_derived_tables

log = logging.getLogger("fastback.search")

_SQLITE = (
    """CREATE TABLE IF NOT EXISTS fastback_search_chat (number INTEGER PRIMARY KEY, chat_id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL, updated_at BIGINT, title TEXT, size BIGINT, tags TEXT)""",
    # Title and size stand in it, so that chats can be compared with it alone.
    """CREATE INDEX IF NOT EXISTS fastback_search_recent
        ON fastback_search_chat (user_id, updated_at DESC, chat_id, size, title)""",
    "CREATE TABLE IF NOT EXISTS fastback_search_text (number INTEGER PRIMARY KEY, body TEXT)",
    """CREATE VIRTUAL TABLE IF NOT EXISTS fastback_search_grams USING fts5(body, content='', contentless_delete=1,
        detail=none, tokenize='trigram case_sensitive 1')""",
    "CREATE VIRTUAL TABLE IF NOT EXISTS fastback_search_terms USING fts5vocab(fastback_search_grams, 'row')",
    """CREATE TABLE IF NOT EXISTS fastback_search_tag (user_id TEXT NOT NULL, tag TEXT NOT NULL,
        chat_id TEXT NOT NULL, PRIMARY KEY (user_id, tag, chat_id)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS fastback_search_tagged ON fastback_search_tag (chat_id)",
)
_POSTGRES = (
    """CREATE TABLE IF NOT EXISTS fastback_search_chat (chat_id TEXT PRIMARY KEY, user_id TEXT NOT NULL,
        updated_at BIGINT, title TEXT, size BIGINT, tags TEXT, body TEXT)""",
    # Kept within the row, as far as it fits: fetching it from elsewhere costs more than looking through it.
    """DO $$ BEGIN
        IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'fastback_search_chat'::regclass
            AND attname = 'body' AND attstorage <> 'm') THEN
            ALTER TABLE fastback_search_chat ALTER COLUMN body SET STORAGE MAIN;
        END IF;
    END $$""",
    """CREATE INDEX IF NOT EXISTS fastback_search_recent
        ON fastback_search_chat (user_id, updated_at DESC, chat_id)""",
    """CREATE TABLE IF NOT EXISTS fastback_search_tag (user_id TEXT NOT NULL, tag TEXT NOT NULL,
        chat_id TEXT NOT NULL, PRIMARY KEY (user_id, tag, chat_id))""",
    "CREATE INDEX IF NOT EXISTS fastback_search_tagged ON fastback_search_tag (chat_id)",
)
DESIGN = TablesDesign(
    name="search",
    version=1,
    tables={"sqlite": _SQLITE, "postgres": _POSTGRES},
    optional=(
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE INDEX IF NOT EXISTS fastback_search_grams ON fastback_search_chat USING gin (body gin_trgm_ops)",
    ),
    functions={FOLD: fold_text},
)

_INTO = "INSERT INTO fastback_search_chat (chat_id, user_id, updated_at, title, size, tags"
_KEPT = """ON CONFLICT (chat_id) DO UPDATE SET user_id = excluded.user_id, updated_at = excluded.updated_at,
    title = excluded.title, size = excluded.size, tags = excluded.tags"""
_WHICH = "WHERE c.id = ANY(:ids) AND c.user_id IS NOT NULL"
_NUMBERS = "SELECT number FROM fastback_search_chat WHERE chat_id = ANY(:ids)"


def _build_write_statements(dialect: str, body: str) -> list[str]:
    """Statements that write chats down, their text being `body`."""
    head = f"SELECT c.id, c.user_id, c.updated_at, c.title, {SIZE[dialect]}, {TAGS}"
    if dialect == "postgres":
        return [f"{_INTO}, body) {head}, {body} FROM chat c {_WHICH} {_KEPT}, body = excluded.body"]
    return [
        f"{_INTO}) {head} FROM chat c {_WHICH} {_KEPT}",
        f"""INSERT OR REPLACE INTO fastback_search_text (number, body) SELECT s.number, {body}
            FROM chat c JOIN fastback_search_chat s ON s.chat_id = c.id {_WHICH}""",
        f"""INSERT OR REPLACE INTO fastback_search_grams (rowid, body)
            SELECT number, body FROM fastback_search_text WHERE number IN ({_NUMBERS})""",
    ]


_FORGET_TAGS = "DELETE FROM fastback_search_tag WHERE chat_id = ANY(:ids)"
#: A chat without tags stands under `none`, a name that no tag may have.
_WRITE_TAGS = {
    "sqlite": f"""INSERT OR IGNORE INTO fastback_search_tag (user_id, tag, chat_id)
        SELECT c.user_id, t.value, c.id FROM chat c, json_each(c.meta, '$.tags') t {_WHICH} AND t.value IS NOT NULL
        UNION ALL
        SELECT c.user_id, 'none', c.id FROM chat c {_WHICH}
            AND NOT EXISTS (SELECT 1 FROM json_each(c.meta, '$.tags'))""",
    "postgres": f"""INSERT INTO fastback_search_tag (user_id, tag, chat_id)
        SELECT c.user_id, t.value, c.id FROM chat c CROSS JOIN LATERAL json_array_elements_text(
            CASE WHEN json_typeof(c.meta -> 'tags') = 'array' THEN c.meta -> 'tags' ELSE '[]'::json END) AS t(value)
            {_WHICH} AND t.value IS NOT NULL
        UNION ALL
        SELECT c.user_id, 'none', c.id FROM chat c {_WHICH} AND CASE WHEN json_typeof(c.meta -> 'tags') = 'array'
            THEN json_array_length(c.meta -> 'tags') = 0 ELSE TRUE END
        ON CONFLICT DO NOTHING""",
}
_FORGET = {
    "sqlite": (
        f"DELETE FROM fastback_search_grams WHERE rowid IN ({_NUMBERS})",
        f"DELETE FROM fastback_search_text WHERE number IN ({_NUMBERS})",
        "DELETE FROM fastback_search_chat WHERE chat_id = ANY(:ids)",
        _FORGET_TAGS,
    ),
    "postgres": ("DELETE FROM fastback_search_chat WHERE chat_id = ANY(:ids)", _FORGET_TAGS),
}


#: What pg_trgm makes runs of, whatever the locale of the database is.
_WORD = re.compile("[a-z0-9]{3}")
#: A short word that begins more runs than that is too frequent for the index to be of help.
_MOST_TERMS = 400


def _quote_run(run: str) -> str:
    return '"' + run.replace('"', '""') + '"'


class ComparedChat(msgspec.Struct):
    """A chat, and whether the index must follow it."""

    id: str
    stale: bool


class SearchIndex:
    """The tables of the index, and who has changed since they were compared with the chats.

    Attributes:
        ready: whether there are tables to search; without, chats are searched themselves.
        compared_at: the second since which changes are looked for by their time, where the whole index was compared;
            None before.
    """

    def __init__(self, db: Database) -> None:
        self.tables: DerivedTables = make_derived_tables(db, DESIGN)
        self.dialect = self.tables.dialect
        self.ready = False
        self.compared_at: int | None = None
        self._touched: dict[str, int] = {}
        self._touches = 0

    async def open(self) -> None:
        """Make the tables; where that fails searches go on without, and the log says so."""
        try:
            await self.tables.open()
        except DatabaseError as error:
            log.warning("chats are searched without an index: %s", error)
            return
        if not self.tables.has_optional:
            log.warning("PostgreSQL has no extension pg_trgm here: searching many chats is slow")
        self.ready = True

    def mark_changed(self, chat_id: str) -> None:
        """Note that a chat has changed."""
        self._touches += 1
        self._touched[chat_id] = self._touches

    def list_changed(self) -> list[str]:
        """Chats that the index has still to follow, whoever's they are."""
        return list(self._touched)

    def list_pending(self, most: int) -> list[tuple[str, int]]:
        """Up to `most` chats to follow, each with the number of its last touch."""
        return list(itertools.islice(self._touched.items(), most))

    def clear_pending(self, done: list[tuple[str, int]]) -> None:
        """Forget touches that the index has followed, unless the chat was touched again."""
        for chat_id, touch in done:
            if self._touched.get(chat_id) == touch:
                del self._touched[chat_id]

    async def index_chats(self, chat_ids: list[str]) -> None:
        """Write these chats down as they are now; those that are gone are forgotten."""
        try:
            await self.tables.apply_changes(self._build_changes(chat_ids, SEARCHED[self.dialect]))
        except DatabaseError as error:
            if len(chat_ids) > 1:
                for one in chat_ids:
                    await self.index_chats([one])
                return
            log.warning("chat %s is found by its title alone: %s", chat_ids[0], error)
            await self.tables.apply_changes(self._build_changes(chat_ids, TITLE_ALONE[self.dialect]))

    def _build_changes(self, chat_ids: list[str], body: str) -> list[TableChange]:
        gone = """DELETE FROM fastback_search_chat WHERE chat_id = ANY(:ids)
            AND NOT EXISTS (SELECT 1 FROM chat c WHERE c.id = fastback_search_chat.chat_id)"""
        texts = [*_build_write_statements(self.dialect, body), _FORGET_TAGS, _WRITE_TAGS[self.dialect]]
        if self.dialect == "sqlite":
            left = f"{_NUMBERS} AND NOT EXISTS (SELECT 1 FROM chat c WHERE c.id = fastback_search_chat.chat_id)"
            texts.append(f"DELETE FROM fastback_search_grams WHERE rowid IN ({left})")
            texts.append(f"DELETE FROM fastback_search_text WHERE number IN ({left})")
        return [self._build_change("follow", text, chat_ids) for text in (*texts, gone)]

    async def delete_chats(self, chat_ids: list[str]) -> None:
        await self.tables.apply_changes(
            [self._build_change("forget", text, chat_ids) for text in _FORGET[self.dialect]]
        )

    @staticmethod
    def _build_change(name: str, text: str, chat_ids: list[str]) -> TableChange:
        params: dict[str, Any] = {"ids": chat_ids}
        return TableChange(f"search.{name}", text, params)

    async def compare_next(self, after: str, most: int) -> list[ComparedChat]:
        """The next chats in the order of their ids."""
        return await self.tables.fetch_all_in_thread(
            ComparedChat,
            "search.step",
            f"""SELECT c.id, (s.chat_id IS NULL OR NOT {FRESH[self.dialect]})
                FROM chat c LEFT JOIN fastback_search_chat s ON s.chat_id = c.id
                WHERE c.id > :after AND c.user_id IS NOT NULL ORDER BY c.id LIMIT :most""",
            after=after,
            most=most,
        )

    async def list_orphan_ids(self, user_id: str | None, most: int) -> list[str]:
        """Chats of the index that are gone: a user's, or anybody's."""
        whose = "s.user_id = :user_id AND" if user_id is not None else ""
        params: dict[str, Any] = {"user_id": user_id} if user_id is not None else {}
        return await self.tables.fetch_all_in_thread(
            str,
            "search.left_over",
            f"""SELECT s.chat_id FROM fastback_search_chat s WHERE {whose}
                NOT EXISTS (SELECT 1 FROM chat c WHERE c.id = s.chat_id) LIMIT :most""",
            most=most,
            **params,
        )

    async def build_expression(self, needles: list[Needle]) -> str:
        """What a text with all the needles must hold, for SQLite's index; for PostgreSQL's the needles themselves.

        Empty where an index is of no help.
        """
        if self.dialect != "sqlite":
            helps = self.tables.has_optional and any(_WORD.search(needle.text) for needle in needles)
            return needles[0].text if helps else ""
        parts = []
        for needle in needles:
            if runs := list_trigrams(needle):
                parts += [_quote_run(run) for run in runs]
            elif start := find_longest_piece(needle):
                # Each text ends in two line ends: whatever stands in it, a run of three begins there.
                found = await self.tables.fetch_all_in_thread(
                    str,
                    "search.terms",
                    "SELECT term FROM fastback_search_terms WHERE term >= :start AND term <= :end LIMIT :most",
                    start=start,
                    end=f"{start}\U0010ffff",
                    most=_MOST_TERMS + 1,
                )
                if not found:
                    parts.append(_quote_run(f"{start}\n\n\n"[:3]))
                elif len(found) <= _MOST_TERMS:
                    parts.append(f"({' OR '.join(map(_quote_run, found))})")
        return " AND ".join(parts)

    async def list_changed_since(self, user_id: str, second: int) -> list[str]:
        """A user's chats that were changed since then by their time, and that the index does not know so."""
        return await self.tables.fetch_all_in_thread(
            str,
            "search.changed_since",
            f"""SELECT c.id FROM chat c LEFT JOIN fastback_search_chat s ON s.chat_id = c.id
                WHERE c.user_id = :user_id AND c.updated_at >= :second
                    AND (s.chat_id IS NULL OR NOT {FRESH[self.dialect]})""",
            user_id=user_id,
            second=second,
        )
