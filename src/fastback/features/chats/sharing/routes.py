"""Share a chat, open shared chats, and manage who may see them."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.grants import SlimGrant
from fastback.access.guards import MaybeUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import schemas, store
from fastback.features.chats.service import ChatService
from fastback.features.chats.sharing import store as share_store
from fastback.features.chats.sharing.shared_view import ShareOpener
from fastback.features.chats.store import ChatHead, ChatPage
from fastback.kit.http import NotFound, Router, Unauthorized

router = Router("/api/v1/chats")


@router.delete("/share/all")
async def unshare_all_chats(user: VerifiedUser, chats: ChatService) -> bool:
    """Delete all shares of the user."""
    chat_ids = await share_store.list_shared_chat_ids(chats.db, user.id)
    await share_store.delete_shares(chats.db, chat_ids)
    for chat_id in chat_ids:
        await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return True


@router.get("/shared")
async def list_shared_chats(
    user: VerifiedUser,
    chats: ChatService,
    page: int | None = None,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
) -> list[share_store.SharedChatTitle]:
    """List the chats that the user shares."""
    return await share_store.list_shares(
        chats.db, user.id, query=query, order_by=order_by, direction=direction, page=page
    )


@router.post("/{chat_id}/share")
async def share_chat(
    chat_id: str, user: VerifiedUser, chats: ChatService, data: schemas.ShareForm | None = None
) -> ChatPage:
    """Share a snapshot of a chat, or update its snapshot."""
    await chats.require_permission(user, "chat.share")
    chat = await store.find_owned_chat(chats.db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    mode = data.share_mode if data else msgspec.UNSET
    if mode is msgspec.UNSET:
        mode = (
            "continue"
            if chat.share_id and await share_store.find_share_mode(chats.db, chat.share_id) == "continue"
            else None
        )
    await share_store.save_share(
        chats.db,
        chat_id=chat.id,
        user_id=user.id,
        title=chat.title,
        chat=chat.chat,
        share_id=chat.share_id,
        mode=mode,
    )
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return await chats.reload_chat(chat_id)


@router.delete("/{chat_id}/share")
async def unshare_chat(chat_id: str, user: VerifiedUser, chats: ChatService) -> bool:
    """Delete the share of a chat."""
    head = await store.find_head(chats.db, chat_id)
    if head is None or head.user_id != user.id:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    await share_store.delete_shares(chats.db, [chat_id])
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return True


@router.get("/share/{share_id}")
async def open_share(share_id: str, user: MaybeUser, opening: ShareOpener) -> ChatPage:
    """Return a shared chat."""
    return await opening.open_share(share_id, user)


async def _get_manageable_head(chat_id: str, user: User, chats: ChatService) -> ChatHead:
    """Return the head of a chat whose share the user may manage.

    Raises:
        NotFound: there is no such chat, or the user may not manage its share.
    """
    head = await store.find_head(chats.db, chat_id)
    if head is None or not chats.access.has_owner_rights(head.user_id, user):
        raise NotFound(messages.NOT_FOUND)
    return head


@router.post("/shared/{chat_id}/access/update")
async def set_share_access(chat_id: str, data: schemas.AccessForm, user: VerifiedUser, chats: ChatService) -> ChatPage:
    """Replace the grants of a shared chat, and set whether readers may continue it."""
    head = await _get_manageable_head(chat_id, user, chats)
    validated = await chats.grants.validate_grants(user.id, user.role, data.access_grants, "shared_chat")
    async with chats.db.transaction() as tx:
        await chats.grants.replace_grants(tx, "shared_chat", chat_id, validated)
    if data.share_mode is not msgspec.UNSET and head.share_id:
        await share_store.set_share_mode(chats.db, head.share_id, data.share_mode)
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return await chats.reload_chat(chat_id)


@router.get("/shared/{chat_id}/access")
async def list_share_grants(chat_id: str, user: VerifiedUser, chats: ChatService) -> list[SlimGrant]:
    """List the grants of a shared chat."""
    await _get_manageable_head(chat_id, user, chats)
    grants = await chats.grants.list_grants("shared_chat", chat_id)
    return [SlimGrant(grant.id, grant.principal_type, grant.principal_id, grant.permission) for grant in grants]
