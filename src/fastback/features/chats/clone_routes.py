"""Copies of chats: clones and forks."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.chats import cloning, schemas, store
from fastback.features.chats.service import Chats
from fastback.features.chats.sharing.shared_view import Opening
from fastback.features.chats.store import ChatPage
from fastback.kit.http import Router, Unauthorized

router = Router("/api/v1/chats")


@router.post("/{chat_id}/clone")
async def clone(chat_id: str, data: schemas.CloneForm, user: VerifiedUser, chats: Chats) -> ChatPage:
    await chats.may_import(user)
    chat = await store.owned(chats.db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.default())
    return await chats.again(await cloning.clone(chats, chat, user, data.title))


@router.post("/{chat_id}/clone/shared")
async def clone_share(chat_id: str, user: VerifiedUser, chats: Chats, opening: Opening) -> ChatPage:
    await chats.may_import(user)
    chat = await opening.to_clone(chat_id, user)
    return await chats.again(await cloning.clone_shown(chats, chat, user))


@router.post("/{chat_id}/fork")
async def fork(
    chat_id: str, user: VerifiedUser, chats: Chats, opening: Opening, data: schemas.ForkForm | None = None
) -> ChatPage:
    await chats.may_import(user)
    chat = await store.get(chats.db, chat_id) if await chats.rights.may(chat_id, user) else None
    if chat is None:
        chat = await opening.shared(chat_id, user)
    return await chats.again(await cloning.fork(chats, chat, user, data.message_id if data else None))
