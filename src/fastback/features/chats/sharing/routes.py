"""Sharing a chat, opening what others shared, and who may."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.grants import SlimGrant
from fastback.access.guards import MaybeUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import schemas, store
from fastback.features.chats.service import Chats
from fastback.features.chats.sharing import store as share_store
from fastback.features.chats.sharing.shared_view import Opening
from fastback.features.chats.store import ChatPage, Head
from fastback.kit.http import NotFound, Router, Unauthorized

router = Router("/api/v1/chats")


@router.delete("/share/all")
async def unshare_all(user: VerifiedUser, chats: Chats) -> bool:
    ids = await share_store.shared_ids(chats.db, user.id)
    await share_store.unshare(chats.db, ids)
    for one in ids:
        await chats.bus.publish(GrantsChanged("shared_chat", one))
    return True


@router.get("/shared")
async def shared(
    user: VerifiedUser,
    chats: Chats,
    page: int | None = None,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
) -> list[share_store.Listed]:
    column = {"title": "s.title", "created_at": "s.created_at"}.get(order_by or "", "s.updated_at")
    order = f"{column} {'ASC' if direction == 'asc' else 'DESC'}, s.id"
    return await share_store.of_user(chats.db, user.id, query=query, order=order, page=page)


@router.post("/{chat_id}/share")
async def share(chat_id: str, user: VerifiedUser, chats: Chats, data: schemas.ShareForm | None = None) -> ChatPage:
    await chats.need(user, "chat.share")
    chat = await store.owned(chats.db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    mode = data.share_mode if data else msgspec.UNSET
    if mode is msgspec.UNSET:
        mode = (
            "continue" if chat.share_id and await share_store.mode_of(chats.db, chat.share_id) == "continue" else None
        )
    await share_store.share(
        chats.db,
        chat_id=chat.id,
        user_id=user.id,
        title=chat.title,
        chat=chat.chat,
        share_id=chat.share_id,
        mode=mode,
    )
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return await chats.again(chat_id)


@router.delete("/{chat_id}/share")
async def unshare(chat_id: str, user: VerifiedUser, chats: Chats) -> bool:
    head = await store.head(chats.db, chat_id)
    if head is None or head.user_id != user.id:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    await share_store.unshare(chats.db, [chat_id])
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return True


@router.get("/share/{share_id}")
async def open_share(share_id: str, user: MaybeUser, opening: Opening) -> ChatPage:
    return await opening.shared(share_id, user)


async def _manageable(chat_id: str, user: User, chats: Chats) -> Head:
    head = await store.head(chats.db, chat_id)
    if head is None or not chats.rights.governs(head.user_id, user):
        raise NotFound(messages.NOT_FOUND)
    return head


@router.post("/shared/{chat_id}/access/update")
async def set_access(chat_id: str, data: schemas.AccessForm, user: VerifiedUser, chats: Chats) -> ChatPage:
    head = await _manageable(chat_id, user, chats)
    wanted = await chats.grants.validate_grants(user.id, user.role, data.access_grants, "shared_chat")
    async with chats.db.transaction() as tx:
        await chats.grants.replace_grants(tx, "shared_chat", chat_id, wanted)
    if data.share_mode is not msgspec.UNSET and head.share_id:
        await share_store.set_mode(chats.db, head.share_id, data.share_mode)
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return await chats.again(chat_id)


@router.get("/shared/{chat_id}/access")
async def access(chat_id: str, user: VerifiedUser, chats: Chats) -> list[SlimGrant]:
    await _manageable(chat_id, user, chats)
    grants = await chats.grants.list_grants("shared_chat", chat_id)
    return [SlimGrant(one.id, one.principal_type, one.principal_id, one.permission) for one in grants]
