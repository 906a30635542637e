"""Opening what others share: the picture that was shared, or the chat itself where readers may go on with it."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.features.chats import store
from fastback.features.chats.document import Document
from fastback.features.chats.service import ChatService
from fastback.features.chats.sharing import store as share_store
from fastback.features.chats.sharing import visibility
from fastback.features.chats.sharing.store import Share
from fastback.features.chats.store import ChatPage
from fastback.kit.http.errors import Unauthorized


class ShareOpener:
    """Finds what a share's id opens for somebody."""

    def __init__(self, chats: ChatService) -> None:
        self._chats = chats

    async def _may_open(self, share: Share, user: User | None) -> bool:
        if await share_store.is_public(self._chats.db, share.chat_id):
            return True
        return user is not None and await self._may_read(share, user)

    async def _may_read(self, share: Share, user: User) -> bool:
        if self._chats.access.has_owner_rights(share.user_id, user):
            return True
        return await self._chats.grants.has_access(user.id, "shared_chat", share.chat_id)

    async def _find_named_chat(self, chat_id: str, user: User | None) -> ChatPage | None:
        """Administrators may name a chat itself in place of a share."""
        if user is None or not user.is_admin or not self._chats.access.has_owner_rights("", user):
            return None
        return await store.find_chat(self._chats.db, chat_id)

    async def open_share(self, share_id: str, user: User | None) -> ChatPage:
        """What a share shows; `chat.share_mode` says whether it may be gone on with.

        Raises:
            Unauthorized: there is no such share, or it is not for this user.
        """
        user = user if user is not None and user.is_verified else None
        db, rights = self._chats.db, self._chats.access
        share = await share_store.find_share(db, share_id)
        if share is not None:
            if not await self._may_open(share, user):
                raise Unauthorized(messages.ACCESS_PROHIBITED if user else messages.INVALID_TOKEN)
            live = None
            if (
                user is not None
                and _read_share_mode(share) == "continue"
                and await rights.is_allowed(share.chat_id, user, "write")
            ):
                live = await store.find_chat(db, share.chat_id)
            return await self._prepare_view(live or _build_snapshot_chat(share), user, live is not None)
        chat = await self._find_named_chat(share_id, user)
        if chat is None or user is None:
            raise Unauthorized(messages.NOT_FOUND)
        return await self._prepare_view(chat, user, await rights.is_allowed(chat.id, user, "write"))

    async def _prepare_view(self, chat: ChatPage, user: User | None, live: bool) -> ChatPage:
        document = Document(bytes(chat.chat))
        await visibility.prepare_document(self._chats.db, chat, user, document)
        document.set_field("share_mode", "continue" if live else None)
        chat.chat = msgspec.Raw(document.encode())
        return chat

    async def get_clone_source(self, share_id: str, user: User) -> ChatPage:
        """The chat that a copy of a share is made of, as it is stored.

        Raises:
            Unauthorized: as `shared`.
        """
        share = await share_store.find_share(self._chats.db, share_id)
        chat: ChatPage | None = None
        if share is not None:
            if not await self._may_open(share, user):
                raise Unauthorized(messages.ACCESS_PROHIBITED)
            chat = _build_snapshot_chat(share)
            if _read_share_mode(share) == "continue" and await self._may_read(share, user):
                chat = await store.find_chat(self._chats.db, share.chat_id)
        chat = chat or await self._find_named_chat(share_id, user)
        if chat is None:
            raise Unauthorized(messages.NOT_FOUND)
        return chat


class _ShareMode(msgspec.Struct):
    share_mode: str | None = None


def _read_share_mode(share: Share) -> str | None:
    return msgspec.json.decode(share.chat, type=_ShareMode).share_mode


def _build_snapshot_chat(share: Share) -> ChatPage:
    nothing = msgspec.Raw(b"{}")
    return ChatPage(
        id=share.id,
        user_id=share.user_id,
        title=share.title or "New Chat",
        chat=share.chat,
        updated_at=share.updated_at or 0,
        created_at=share.created_at or 0,
        share_id=share.id,
        archived=False,
        pinned=False,
        meta=nothing,
        variables=nothing,
        folder_id=None,
        tasks=msgspec.Raw(b"null"),
        summary=None,
        current_message_id=None,
    )
