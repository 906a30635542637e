"""Indexes of our own on `chat` and `shared_chat`, with which lists read what they show.

In SQLite a row contains the chat's document, and reading a column behind it (`pinned`, `meta`, `folder_id`,
`last_read_at`) means reading through the document. The indexes there contain every column that lists show or test, so
thousands of chats are counted or skipped without reading their rows. PostgreSQL stores long documents outside of their
rows, and limits the size of an index entry: its indexes contain no titles.
"""

from __future__ import annotations

from fastback.features.chats.fragments import MAY_BE_INTERNAL, TAGS_SQLITE, UNREAD, VISIBLE
from fastback.kit.db.indexes import Index

_VISIBLE = VISIBLE["sqlite"]

#: Any list of a user's chats, last changed first.
HEADS = Index(
    "fastback_chat_head",
    sqlite=f"""ON chat (user_id, updated_at DESC, id, archived, folder_id, pinned, share_id, last_read_at, created_at,
        title, ({_VISIBLE}), ({TAGS_SQLITE}))""",
    postgres=None,
)
#: Archived chats, of which most users have few.
ARCHIVED = Index(
    "fastback_chat_archived",
    sqlite=f"""ON chat (user_id, archived, updated_at DESC, id, folder_id, pinned, share_id, last_read_at, created_at,
        title, ({_VISIBLE})) WHERE archived = TRUE""",
    postgres="ON chat (user_id, updated_at DESC, id) WHERE archived = TRUE",
)
#: The chats of each folder, of all users.
IN_FOLDER = Index(
    "fastback_chat_in_folder",
    sqlite=f"""ON chat (folder_id, updated_at DESC, id, user_id, archived, pinned, last_read_at, created_at, title,
        ({_VISIBLE})) WHERE folder_id IS NOT NULL""",
    postgres="ON chat (folder_id, updated_at DESC, id) WHERE folder_id IS NOT NULL",
)
#: Unread chats, which some lists show first.
UNREAD_CHATS = Index(
    "fastback_chat_unread",
    sqlite=f"""ON chat (user_id, folder_id, updated_at DESC, id, archived, pinned, last_read_at, created_at, title,
        ({_VISIBLE})) WHERE {UNREAD}""",
    postgres=f"ON chat (user_id, folder_id, updated_at DESC, id) WHERE {UNREAD}",
)
#: The chats of notes and subagents.
INTERNAL = Index(
    "fastback_chat_internal",
    sqlite=f"ON chat (user_id, ({_VISIBLE}), id) WHERE {MAY_BE_INTERNAL['sqlite']}",
    postgres=f"ON chat (user_id, id) WHERE {MAY_BE_INTERNAL['postgres']}",
)
#: The shares of a user, last changed first.
SHARES_OF_USER = Index(
    "fastback_shared_chat_user",
    sqlite="ON shared_chat (user_id, updated_at DESC, id, chat_id, created_at, title)",
    postgres="ON shared_chat (user_id, updated_at DESC, id)",
)
SHARES_OF_CHAT = Index(
    "fastback_shared_chat_chat", sqlite="ON shared_chat (chat_id)", postgres="ON shared_chat (chat_id)"
)
INDEXES = (HEADS, ARCHIVED, IN_FOLDER, UNREAD_CHATS, INTERNAL, SHARES_OF_USER, SHARES_OF_CHAT)
