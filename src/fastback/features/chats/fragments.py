"""SQL fragments about chats that several stores share."""

from __future__ import annotations

from fastback.kit.db.database import Dialect
from fastback.kit.db.large_column import LargeColumn

#: The document of a chat, and the expression that is NULL where it is large.
DOCUMENT = LargeColumn("chat", "chat")
SMALL_DOCUMENT = DOCUMENT.build_small_only()
_PAGE_COLUMNS = """id, user_id, title, {document} AS chat, updated_at, created_at, share_id, archived, pinned, meta,
    COALESCE(variables, '{{}}'), folder_id, tasks, summary, current_message_id"""
#: The columns of `ChatPage`.
CHAT_COLUMNS = _PAGE_COLUMNS.format(document="chat")
#: The columns of `ChatPage` without a large document, which is read apart.
SMALL_CHAT_COLUMNS = {dialect: _PAGE_COLUMNS.format(document=document) for dialect, document in SMALL_DOCUMENT.items()}

#: The condition that excludes internal chats, those of notes and subagents, from the lists. SQLite reads it from the
#: index `HEADS` only in this form: a CASE, and guarded, because an index must accept every row.
VISIBLE: dict[Dialect, str] = {
    "sqlite": "CASE WHEN json_valid(meta) THEN COALESCE(json_extract(meta, '$.internal'), 0) <> 1 ELSE TRUE END",
    "postgres": "COALESCE(meta::readable ->> 'internal', 'false') <> 'true'",
}
#: `VISIBLE` for a chat `c`.
VISIBLE_CHAT: dict[Dialect, str] = {dialect: text.replace("meta", "c.meta") for dialect, text in VISIBLE.items()}
#: The condition that only internal chats meet, and few others.
MAY_BE_INTERNAL: dict[Dialect, str] = {
    "sqlite": "instr(meta, '\"internal\"') > 0",
    "postgres": "CAST(meta AS TEXT) LIKE '%\"internal\"%'",
}
#: The condition that only internal chats meet, in the form of the index `INTERNAL`.
IS_INTERNAL: dict[Dialect, str] = {
    dialect: f"{MAY_BE_INTERNAL[dialect]} AND ({visible}) = FALSE" for dialect, visible in VISIBLE.items()
}
#: `IS_INTERNAL` for a chat `c`.
IS_INTERNAL_CHAT: dict[Dialect, str] = {
    dialect: text.replace("meta", "c.meta") for dialect, text in IS_INTERNAL.items()
}
#: The tags of a chat as a JSON array in SQLite, or NULL; also in the index `HEADS`.
TAGS_SQLITE = """CAST(CASE WHEN json_valid(meta) THEN CASE json_type(meta, '$.tags') WHEN 'array'
    THEN json_extract(meta, '$.tags') END END AS TEXT)"""
#: The tags of a chat `c` as a JSON array in PostgreSQL, empty where it has none.
TAGS_POSTGRES = """CASE WHEN json_typeof(c.meta::readable -> 'tags') = 'array' THEN c.meta::readable -> 'tags'
    ELSE CAST('[]' AS JSON) END"""
#: The condition that a chat has changed since its owner opened it.
UNREAD = "updated_at > COALESCE(last_read_at, 0)"
#: The condition that an answer is being written in a chat `c`.
IS_ANSWERED = """EXISTS (SELECT 1 FROM chat_message m
    WHERE m.chat_id = c.id AND m.role = 'assistant' AND m.done = FALSE)"""
#: The condition that a chat `c` waits for its owner: it is unread, and its answer is complete.
IS_WAITING = f"(c.updated_at > COALESCE(c.last_read_at, 0) AND NOT {IS_ANSWERED})"
#: Written before a column, it keeps SQLite from using an index on that column: it would choose one without the order of
#: the list, and read the row of each chat.
NO_INDEX: dict[Dialect, str] = {"sqlite": "+", "postgres": ""}
