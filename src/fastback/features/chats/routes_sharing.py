"""Sharing a chat, and opening what others shared; tags."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.grants import SlimGrant
from fastback.access.guards import MaybeUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import history, schemas, sharing, store, tags
from fastback.features.chats.document import Document
from fastback.features.chats.service import Chats
from fastback.features.chats.store import ChatPage
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router, Unauthorized
from fastback.settings import Settings

router = Router("/api/v1/chats")


@router.delete("/share/all")
async def unshare_all(user: VerifiedUser, db: Database) -> bool:
    await sharing.unshare(db, await sharing.shared_ids(db, user.id))
    return True


@router.post("/{chat_id}/share")
async def share(chat_id: str, user: VerifiedUser, chats: Chats, data: schemas.ShareForm | None = None) -> ChatPage:
    await chats.need(user, "chat.share")
    chat = await chats.owned(chat_id, user)
    mode = data.share_mode if data else None
    if data is None and chat.share_id:
        mode = await sharing.mode_of(chats.db, chat.share_id)
    await sharing.share(
        chats.db,
        chat_id=chat.id,
        user_id=user.id,
        title=chat.title,
        chat=chat.chat,
        share_id=chat.share_id,
        mode=mode if mode in sharing.MODES else None,
    )
    return await chats.again(chat_id)


@router.delete("/{chat_id}/share")
async def unshare(chat_id: str, user: VerifiedUser, chats: Chats) -> bool:
    await chats.owned(chat_id, user)
    await sharing.unshare(chats.db, [chat_id])
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return True


async def _granted(shared: sharing.Shared, user: User | None, chats: Chats, settings: Settings) -> bool:
    if await sharing.open_to_anyone(chats.db, shared.chat_id):
        return True
    if user is None:
        return False
    if shared.user_id == user.id or (user.is_admin and settings.enable_admin_chat_access):
        return True
    return await chats.grants.allows(user.id, "shared_chat", shared.chat_id)


def _snapshot(shared: sharing.Shared) -> ChatPage:
    nothing = msgspec.Raw(b"{}")
    return ChatPage(
        id=shared.id,
        user_id=shared.user_id,
        title=shared.title or "New Chat",
        chat=shared.chat,
        updated_at=shared.updated_at or 0,
        created_at=shared.created_at or 0,
        share_id=shared.id,
        archived=False,
        pinned=False,
        meta=nothing,
        variables=nothing,
        folder_id=None,
        tasks=msgspec.Raw(b"null"),
        summary=None,
        current_message_id=None,
    )


def _shown(chat: ChatPage, user: User | None, mode: str | None) -> ChatPage:
    document = Document(bytes(chat.chat))
    if user is None or chat.user_id != user.id:
        chat.variables = msgspec.Raw(b"{}")
        for name in ("params", "tool_servers", "tool_ids", "filter_ids", "variables"):
            document.fields.pop(name, None)
    document.set_field("share_mode", mode)
    chat.chat = msgspec.Raw(document.encode())
    return chat


async def _opened(share_id: str, user: User | None, chats: Chats, settings: Settings) -> ChatPage:
    shared = await sharing.get(chats.db, share_id)
    if shared is not None:
        if not await _granted(shared, user, chats, settings):
            raise Unauthorized(messages.ACCESS_PROHIBITED if user else messages.INVALID_TOKEN)
        live = (
            user is not None
            and await sharing.mode_of(chats.db, share_id) == "continue"
            and await chats.rights.may(shared.chat_id, user, "write")
        )
        if live:
            return _shown(await chats.again(shared.chat_id), user, "continue")
        return _shown(_snapshot(shared), user, None)
    if user is not None and user.is_admin and settings.enable_admin_chat_access:
        chat = await store.get(chats.db, share_id)
        if chat is not None:
            mode = "continue" if await chats.rights.may(chat.id, user, "write") else None
            return _shown(chat, user, mode)
    raise Unauthorized(messages.NOT_FOUND)


@router.get("/share/{share_id}")
async def open_share(share_id: str, user: MaybeUser, chats: Chats, settings: Settings) -> ChatPage:
    return await _opened(share_id, user, chats, settings)


@router.post("/{chat_id}/clone/shared")
async def clone_share(chat_id: str, user: VerifiedUser, chats: Chats, settings: Settings) -> ChatPage:
    await chats.need(user, "chat.import")
    chat = await _opened(chat_id, user, chats, settings)
    document = msgspec.json.decode(chat.chat) or {}
    document |= {
        "originalChatId": chat.id,
        "branchPointMessageId": (document.get("history") or {}).get("currentId"),
        "title": f"Clone of {chat.title}",
    }
    document.pop("share_mode", None)
    history.attribute(document, user.id, user.name)
    return await chats.again(await chats.insert(user, schemas.ImportedChat(document)))


async def _manageable(chat_id: str, user: User, chats: Chats, settings: Settings) -> ChatPage:
    chat = await store.get(chats.db, chat_id)
    if chat is None or (chat.user_id != user.id and not (user.is_admin and settings.enable_admin_chat_access)):
        raise NotFound(messages.NOT_FOUND)
    return chat


@router.post("/shared/{chat_id}/access/update")
async def set_access(
    chat_id: str, data: schemas.AccessForm, user: VerifiedUser, chats: Chats, settings: Settings
) -> ChatPage:
    chat = await _manageable(chat_id, user, chats, settings)
    wanted = await chats.grants.validate(user.id, user.role, data.access_grants, "shared_chat")
    async with chats.db.transaction() as tx:
        await chats.grants.replace(tx, "shared_chat", chat_id, wanted)
    if data.share_mode is not msgspec.UNSET and chat.share_id:
        mode = data.share_mode if data.share_mode in sharing.MODES else None
        await sharing.set_mode(chats.db, chat.share_id, mode if isinstance(mode, str) else None)
    await chats.bus.publish(GrantsChanged("shared_chat", chat_id))
    return await chats.again(chat_id)


@router.get("/shared/{chat_id}/access")
async def access(chat_id: str, user: VerifiedUser, chats: Chats, settings: Settings) -> list[SlimGrant]:
    await _manageable(chat_id, user, chats, settings)
    grants = await chats.grants.of("shared_chat", chat_id)
    return [SlimGrant(one.id, one.principal_type, one.principal_id, one.permission) for one in grants]


async def _tagged(chat_id: str, user: User, db: Database) -> ChatPage:
    chat = await store.owned(db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.NOT_FOUND)
    return chat


@router.get("/{chat_id}/tags")
async def tags_of(chat_id: str, user: VerifiedUser, db: Database) -> list[tags.Tag]:
    await _tagged(chat_id, user, db)
    return await tags.of_chat(db, chat_id, user.id)


@router.post("/{chat_id}/tags")
async def add_tag(chat_id: str, data: schemas.TagForm, user: VerifiedUser, db: Database) -> list[tags.Tag]:
    await _tagged(chat_id, user, db)
    if tags.tag_id(data.name) == "none":
        raise NotFound(messages.default("Tag name cannot be 'None'"))
    await tags.add(db, chat_id, user.id, data.name)
    return await tags.of_chat(db, chat_id, user.id)


@router.delete("/{chat_id}/tags")
async def remove_tag(chat_id: str, data: schemas.TagForm, user: VerifiedUser, db: Database) -> list[tags.Tag]:
    await _tagged(chat_id, user, db)
    await tags.remove(db, chat_id, user.id, data.name)
    return await tags.of_chat(db, chat_id, user.id)


@router.delete("/{chat_id}/tags/all")
async def remove_tags(chat_id: str, user: VerifiedUser, db: Database) -> bool:
    await _tagged(chat_id, user, db)
    await tags.set_all(db, chat_id, user.id, [])
    return True
