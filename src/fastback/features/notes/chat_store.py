"""Chats about notes: internal chats of the type `note`, whose `meta` names the note."""

from __future__ import annotations

from fastback.features.chats import fragments
from fastback.features.chats.store import ChatPage
from fastback.kit.db import Database

_ABOUT_NOTE = {
    "sqlite": f"""{fragments.IS_INTERNAL["sqlite"]}
        AND json_extract(meta, '$.type') = 'note' AND json_extract(meta, '$.note_id') = :note_id""",
    "postgres": f"""{fragments.IS_INTERNAL["postgres"]}
        AND meta::readable ->> 'type' = 'note' AND meta::readable ->> 'note_id' = :note_id""",
}
LIST_CHATS = {
    dialect: f"""SELECT {fragments.CHAT_COLUMNS} FROM chat WHERE user_id = :user_id AND {condition}
        ORDER BY +updated_at DESC, created_at DESC, id"""
    for dialect, condition in _ABOUT_NOTE.items()
}
FIND_LATEST_CHAT = {dialect: f"{statement} LIMIT 1" for dialect, statement in LIST_CHATS.items()}


async def list_chats(db: Database, note_id: str, user_id: str) -> list[ChatPage]:
    """Return a user's chats about a note, last used first."""
    text = LIST_CHATS[db.dialect]
    return await db.fetch_all_in_thread(ChatPage, "notes.list_chats", text, user_id=user_id, note_id=note_id)


async def find_latest_chat(db: Database, note_id: str, user_id: str) -> ChatPage | None:
    """Return the chat about a note that a user used last, or None."""
    text = FIND_LATEST_CHAT[db.dialect]
    rows = await db.fetch_all_in_thread(ChatPage, "notes.find_latest_chat", text, user_id=user_id, note_id=note_id)
    return rows[0] if rows else None
