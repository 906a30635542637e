"""`/api/v1/notes/{id}/chat`: chats with a model about a note, which no list of chats shows."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.chats.schemas import ImportedChat
from fastback.features.chats.service import ChatService
from fastback.features.chats.store import ChatPage
from fastback.features.notes import chat_store
from fastback.features.notes.service import NoteService
from fastback.kit.http import Router

router = Router("/api/v1/notes")


class _ChatParams(msgspec.Struct):
    """The part of a chat's document that holds its system prompt."""

    params: dict[str, Any] | None = None


def _write_instructions(note_id: str) -> str:
    """Return the system prompt that tells a model about the note."""
    return (
        f"You are talking about one note; its id is {note_id}. Read it with view_note before you speak of it. "
        "When you are asked to change it, to shorten, rewrite or extend it for instance, read it first and write the "
        "whole new text with replace_note_content. Say that it is changed only once that tool has answered that it is."
    )


@router.get("/{id}/chat")
async def open_latest_note_chat(id: str, user: VerifiedUser, notes: NoteService, chats: ChatService) -> ChatPage:
    """Return the chat about the note that the user used last; create a chat if there is no such chat."""
    note = await notes.get_permitted_note(id, user, "read")
    latest = await chat_store.find_latest_chat(notes.db, note.id, user.id)
    if latest is None:
        return await _create_chat(chats, note.id, user)
    return await _update_instructions(chats, latest, note.id, user)


@router.get("/{id}/chats")
async def list_note_chats(id: str, user: VerifiedUser, notes: NoteService, chats: ChatService) -> list[ChatPage]:
    """List the user's chats about the note, last used first."""
    note = await notes.get_permitted_note(id, user, "read")
    rows = await chat_store.list_chats(notes.db, note.id, user.id)
    return [await _update_instructions(chats, chat, note.id, user) for chat in rows]


@router.post("/{id}/chat")
async def create_note_chat(id: str, user: VerifiedUser, notes: NoteService, chats: ChatService) -> ChatPage:
    """Create another chat about the note."""
    note = await notes.get_permitted_note(id, user, "read")
    return await _create_chat(chats, note.id, user)


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
    """Replace an outdated system prompt, and return the chat with the current one."""
    document = msgspec.json.decode(chat.chat, type=_ChatParams)
    params = dict(document.params or {})
    old_note_id = params.pop("note_id", None)
    if old_note_id is None and params.get("system") == _write_instructions(note_id):
        return chat
    params["system"] = _write_instructions(note_id)
    await chats.update_chat(chat.id, user, {"params": params})
    return await chats.reload_chat(chat.id)
