"""`/api/v1/notes/{id}/chat`: talking with a model about a note, in chats that no list of chats shows."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import store as chats_store
from fastback.features.chats.schemas import ImportedChat
from fastback.features.chats.service import ChatService
from fastback.features.chats.store import ChatPage
from fastback.features.notes.service import NoteService
from fastback.kit.db import Database
from fastback.kit.http import Router

router = Router("/api/v1/notes")

_OF_NOTE = {
    "sqlite": """json_extract(meta, '$.internal') = 1 AND json_extract(meta, '$.type') = 'note'
        AND json_extract(meta, '$.note_id') = :note_id""",
    "postgres": "meta ->> 'internal' = 'true' AND meta ->> 'type' = 'note' AND meta ->> 'note_id' = :note_id",
}


def _write_instructions(note_id: str) -> str:
    """What a model is told of the note."""
    return (
        f"You are talking about one note; its id is {note_id}. Read it with view_note before you speak of it. "
        "When you are asked to change it, to shorten, rewrite or extend it for instance, read it first and write the "
        "whole new text with replace_note_content. Say that it is changed only once that tool has answered that it is."
    )


@router.get("/{id}/chat")
async def open_latest_note_chat(id: str, user: VerifiedUser, notes: NoteService, chats: ChatService) -> ChatPage:
    """The chat about the note that was used last; a new one where there is none."""
    note = await notes.get_permitted_note(id, user, "read")
    found = await _list_chats(notes.db, note.id, user, "LIMIT 1")
    return (
        await _update_instructions(chats, found[0], note.id, user)
        if found
        else await _create_chat(chats, note.id, user)
    )


@router.get("/{id}/chats")
async def list_note_chats(id: str, user: VerifiedUser, notes: NoteService, chats: ChatService) -> list[ChatPage]:
    note = await notes.get_permitted_note(id, user, "read")
    return [await _update_instructions(chats, one, note.id, user) for one in await _list_chats(notes.db, note.id, user)]


@router.post("/{id}/chat")
async def create_note_chat(id: str, user: VerifiedUser, notes: NoteService, chats: ChatService) -> ChatPage:
    note = await notes.get_permitted_note(id, user, "read")
    return await _create_chat(chats, note.id, user)


async def _list_chats(db: Database, note_id: str, user: User, bounds: str = "") -> list[ChatPage]:
    """A user's chats about a note, the one used last first."""
    return await db.fetch_all_in_thread(
        ChatPage,
        "notes.chats",
        f"""SELECT {chats_store.CHAT_COLUMNS} FROM chat WHERE user_id = :user_id AND {_OF_NOTE[db.dialect]}
            ORDER BY updated_at DESC, created_at DESC, id {bounds}""",
        user_id=user.id,
        note_id=note_id,
    )


async def _create_chat(chats: ChatService, note_id: str, user: User) -> ChatPage:
    chat_id = str(uuid.uuid4())
    document: dict[str, Any] = {
        "id": chat_id,
        "title": "Chat",
        "models": [""],
        "params": {"system": _write_instructions(note_id)},
        "history": {"messages": {}, "currentId": None},
        "messages": [],
        "tags": [],
    }
    meta = {"internal": True, "type": "note", "note_id": note_id}
    await chats.insert_chat(user, ImportedChat(chat=document, meta=meta), chat_id)
    return await chats.reload_chat(chat_id)


async def _update_instructions(chats: ChatService, chat: ChatPage, note_id: str, user: User) -> ChatPage:
    """The chat with what a model is told today."""
    document = msgspec.json.decode(chat.chat, type=_ChatParams)
    params = dict(document.params or {})
    known = params.pop("note_id", None)
    if known is None and params.get("system") == _write_instructions(note_id):
        return chat
    params["system"] = _write_instructions(note_id)
    await chats.update_chat(chat.id, user, {"params": params})
    return await chats.reload_chat(chat.id)


class _ChatParams(msgspec.Struct):
    """What is looked at of a chat's document."""

    params: dict[str, Any] | None = None
