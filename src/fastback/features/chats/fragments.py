"""SQL fragments about chats that several stores share."""

from __future__ import annotations

#: The columns of `ChatPage`.
CHAT_COLUMNS = """id, user_id, title, chat, updated_at, created_at, share_id, archived, pinned, meta,
    COALESCE(variables, '{}'), folder_id, tasks, summary, current_message_id"""

#: The condition that excludes internal chats, those of notes and subagents, from the lists.
VISIBLE = {
    "sqlite": "COALESCE(json_extract(meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(meta ->> 'internal', 'false') <> 'true'",
}
