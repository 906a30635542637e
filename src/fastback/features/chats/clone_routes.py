"""Copies of chats: clones, clones of shared chats, and forks."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.chats import cloning, schemas, store
from fastback.features.chats.service import ChatService
from fastback.features.chats.sharing.shared_view import ShareOpener
from fastback.features.chats.store import ChatPage
from fastback.kit.http import Router, Unauthorized

router = Router("/api/v1/chats")


@router.post("/{chat_id}/clone")
async def clone_chat(chat_id: str, data: schemas.CloneForm, user: VerifiedUser, chats: ChatService) -> ChatPage:
    """Copy a chat of the user."""
    await chats.require_import_permission(user)
    chat = await store.find_owned_chat(chats.db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.wrap_reason())
    return await chats.reload_chat(await cloning.clone_chat(chats, chat, user, data.title))


@router.post("/{chat_id}/clone/shared")
async def clone_shared_chat(chat_id: str, user: VerifiedUser, chats: ChatService, opening: ShareOpener) -> ChatPage:
    """Copy a chat that another user shares."""
    await chats.require_import_permission(user)
    chat = await opening.get_clone_source(chat_id, user)
    return await chats.reload_chat(await cloning.clone_shared_chat(chats, chat, user))


@router.post("/{chat_id}/fork")
async def fork_chat(
    chat_id: str, user: VerifiedUser, chats: ChatService, opening: ShareOpener, data: schemas.ForkForm | None = None
) -> ChatPage:
    """Copy one branch of a chat, or of a shared chat."""
    await chats.require_import_permission(user)
    chat = await store.find_chat(chats.db, chat_id) if await chats.access.is_allowed(chat_id, user) else None
    if chat is None:
        chat = await opening.open_share(chat_id, user)
    return await chats.reload_chat(await cloning.fork_chat(chats, chat, user, data.message_id if data else None))
