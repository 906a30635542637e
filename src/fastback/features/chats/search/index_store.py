"""Tables and statements of the search index: the searched text of each chat, its trigrams, and the chat's tags."""

from __future__ import annotations

from functools import cache

from fastback.features.chats.fragments import TAGS_POSTGRES
from fastback.features.chats.search import searchable_text
from fastback.kit.db.database import Dialect
from fastback.kit.db.derived_tables import TablesDesign

_SQLITE = (
    """CREATE TABLE IF NOT EXISTS fastback_search_chat (number INTEGER PRIMARY KEY, chat_id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL, updated_at BIGINT, title TEXT, size BIGINT, tags TEXT)""",
    # It covers title and size, so that chats can be compared with the index alone.
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
    # Store the text in the row if it fits: fetching it from a TOAST table costs more than scanning it.
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
    functions={searchable_text.FOLD: searchable_text.fold_text},
)

#: Chats to write or compare: those in `:ids` that have an owner.
_SELECTED = "WHERE c.id = ANY(:ids) AND c.user_id IS NOT NULL"
_NUMBERS = "SELECT number FROM fastback_search_chat WHERE chat_id = ANY(:ids)"
_IS_GONE = "NOT EXISTS (SELECT 1 FROM chat c WHERE c.id = fastback_search_chat.chat_id)"
_GONE_NUMBERS = f"{_NUMBERS} AND {_IS_GONE}"

# -- writing the index --------------------------------------------------------------------------------------------

_INSERT = "INSERT INTO fastback_search_chat (chat_id, user_id, updated_at, title, size, tags"
_REPLACE = """ON CONFLICT (chat_id) DO UPDATE SET user_id = excluded.user_id, updated_at = excluded.updated_at,
    title = excluded.title, size = excluded.size, tags = excluded.tags"""
_DELETE_TAGS = "DELETE FROM fastback_search_tag WHERE chat_id = ANY(:ids)"
#: A chat without tags is listed under `none`, a name that no tag may have.
_INSERT_TAGS = {
    "sqlite": f"""INSERT OR IGNORE INTO fastback_search_tag (user_id, tag, chat_id)
        SELECT c.user_id, t.value, c.id FROM chat c, json_each(c.meta, '$.tags') t {_SELECTED} AND t.value IS NOT NULL
        UNION ALL
        SELECT c.user_id, 'none', c.id FROM chat c {_SELECTED}
            AND NOT EXISTS (SELECT 1 FROM json_each(c.meta, '$.tags'))""",
    "postgres": f"""INSERT INTO fastback_search_tag (user_id, tag, chat_id)
        SELECT c.user_id, t.value, c.id
            FROM chat c CROSS JOIN LATERAL json_array_elements_text({TAGS_POSTGRES}) AS t(value)
            {_SELECTED} AND t.value IS NOT NULL
        UNION ALL
        SELECT c.user_id, 'none', c.id FROM chat c {_SELECTED} AND json_array_length({TAGS_POSTGRES}) = 0
        ON CONFLICT DO NOTHING""",
}
_DELETE_GONE = f"DELETE FROM fastback_search_chat WHERE chat_id = ANY(:ids) AND {_IS_GONE}"
_DELETE_GONE_TEXTS = (
    f"DELETE FROM fastback_search_grams WHERE rowid IN ({_GONE_NUMBERS})",
    f"DELETE FROM fastback_search_text WHERE number IN ({_GONE_NUMBERS})",
)
#: The statements that delete chats from the index.
DELETE_CHATS = {
    "sqlite": (
        f"DELETE FROM fastback_search_grams WHERE rowid IN ({_NUMBERS})",
        f"DELETE FROM fastback_search_text WHERE number IN ({_NUMBERS})",
        "DELETE FROM fastback_search_chat WHERE chat_id = ANY(:ids)",
        _DELETE_TAGS,
    ),
    "postgres": ("DELETE FROM fastback_search_chat WHERE chat_id = ANY(:ids)", _DELETE_TAGS),
}


def _build_text_statements(dialect: Dialect, body: str) -> list[str]:
    head = f"SELECT c.id, c.user_id, c.updated_at, c.title, {searchable_text.SIZE[dialect]}, {searchable_text.TAGS}"
    if dialect == "postgres":
        return [f"{_INSERT}, body) {head}, {body} FROM chat c {_SELECTED} {_REPLACE}, body = excluded.body"]
    return [
        f"{_INSERT}) {head} FROM chat c {_SELECTED} {_REPLACE}",
        f"""INSERT OR REPLACE INTO fastback_search_text (number, body) SELECT s.number, {body}
            FROM chat c JOIN fastback_search_chat s ON s.chat_id = c.id {_SELECTED}""",
        f"""INSERT OR REPLACE INTO fastback_search_grams (rowid, body)
            SELECT number, body FROM fastback_search_text WHERE number IN ({_NUMBERS})""",
    ]


@cache
def build_index_statements(dialect: Dialect, *, titles_only: bool) -> tuple[str, ...]:
    """Return the statements that write the chats in `:ids` into the index, and delete those that no longer exist.

    `titles_only` leaves the messages out, for documents that the database cannot read.
    """
    body = (searchable_text.TITLE_ALONE if titles_only else searchable_text.SEARCHED)[dialect]
    statements = [*_build_text_statements(dialect, body), _DELETE_TAGS, _INSERT_TAGS[dialect]]
    if dialect == "sqlite":
        statements += _DELETE_GONE_TEXTS
    return (*statements, _DELETE_GONE)


#: Chats whose documents are larger than `:size` bytes; computed without reading them.
LIST_LARGE_SQLITE = "SELECT id FROM chat WHERE id = ANY(:ids) AND octet_length(chat) > :size"

# -- comparing the index with the chats -----------------------------------------------------------------------------

#: The next chats by id, and whether the index has an outdated row of each, or none. PostgreSQL reads both tables in
#: their order, from `:after` on.
COMPARE_CHATS = {
    dialect: f"""SELECT c.id, (s.chat_id IS NULL OR NOT {fresh})
        FROM chat c LEFT JOIN fastback_search_chat s ON s.chat_id = c.id AND s.chat_id > :after
        WHERE c.id > :after AND c.user_id IS NOT NULL ORDER BY c.id LIMIT :limit"""
    for dialect, fresh in searchable_text.FRESH.items()
}
LIST_CHANGED_SINCE = {
    dialect: f"""SELECT c.id FROM chat c LEFT JOIN fastback_search_chat s ON s.chat_id = c.id
        WHERE c.user_id = :user_id AND c.updated_at >= :second AND (s.chat_id IS NULL OR NOT {fresh})"""
    for dialect, fresh in searchable_text.FRESH.items()
}
LIST_ORPHANS = """SELECT s.chat_id FROM fastback_search_chat s
    WHERE NOT EXISTS (SELECT 1 FROM chat c WHERE c.id = s.chat_id) LIMIT :limit"""
LIST_ORPHANS_OF_USER = """SELECT s.chat_id FROM fastback_search_chat s
    WHERE s.user_id = :user_id AND NOT EXISTS (SELECT 1 FROM chat c WHERE c.id = s.chat_id) LIMIT :limit"""
#: The trigrams of the index in a range.
LIST_TERMS_SQLITE = "SELECT term FROM fastback_search_terms WHERE term >= :start AND term <= :end LIMIT :limit"
#: Counts at most `:limit` chats of a user.
COUNT_CHATS = """SELECT count(*) FROM (SELECT 1 FROM fastback_search_chat s WHERE s.user_id = :user_id
    LIMIT :limit) counted"""
