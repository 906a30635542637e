"""`/api/v1/chats/{id}/messages`: change and delete messages, and receive socket messages about them."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.chats import schemas
from fastback.features.chats.messages import socket_messages, turn_store
from fastback.features.chats.service import ChatService
from fastback.features.chats.store import ChatPage
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/v1/chats", takes_content=True)

#: Bytes of a message's voice metadata.
MAX_VOICE_SIZE = 100_000


@router.post("/{chat_id}/messages/{message_id}")
async def update_message(
    chat_id: str, message_id: str, data: schemas.MessageForm, user: VerifiedUser, chats: ChatService
) -> ChatPage:
    """Change the text or the voice metadata of a message."""
    head = await chats.get_changeable_head(chat_id, user)
    patch: dict[str, Any] = {}
    if data.content is not None:
        patch["content"] = data.content
    if data.voice is not None:
        if len(msgspec.json.encode(data.voice)) > MAX_VOICE_SIZE:
            raise BadRequest("Voice metadata is too large")
        if not await turn_store.find_message(chats.db, chat_id, message_id):
            raise NotFound(messages.NOT_FOUND)
        patch["meta"] = {"voice": data.voice}
    if not patch:
        raise BadRequest("No message changes supplied")
    await chats.save_message(chat_id, message_id, patch, user)
    change = {"content": data.content} if data.content is not None else {"voice": data.voice}
    kind = "chat:message" if data.content is not None else "chat:message:voice"
    socket_message = {"type": kind, "data": {"chat_id": chat_id, "message_id": message_id, **change}}
    await socket_messages.send_socket_message(chats.bus, head.user_id, chat_id, message_id, socket_message)
    return await chats.reload_chat(chat_id)


@router.delete("/{chat_id}/messages/{message_id}")
async def delete_message(chat_id: str, message_id: str, user: VerifiedUser, chats: ChatService) -> ChatPage:
    """Delete a message with its answers."""
    await chats.get_changeable_head(chat_id, user)
    await chats.delete_message(chat_id, message_id, user)
    return await chats.reload_chat(chat_id)


@router.post("/{chat_id}/messages/{message_id}/event")
async def receive_message_event(
    chat_id: str, message_id: str, data: schemas.EventForm, user: VerifiedUser, chats: ChatService
) -> bool:
    """Send a socket message to the pages of a chat message, and save it there; return false if its data are invalid."""
    head = await chats.get_changeable_head(chat_id, user)
    socket_message = {"type": data.type, "data": data.data}
    await socket_messages.send_socket_message(chats.bus, head.user_id, chat_id, message_id, socket_message)
    try:
        await socket_messages.save_socket_messages(chats.db, chat_id, message_id, [socket_message])
    except TypeError:
        return False
    await chats.publish_written(chat_id, head.user_id)
    return True
