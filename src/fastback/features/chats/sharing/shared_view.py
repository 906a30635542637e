"""Opening a shared chat: its snapshot, or the chat itself if readers may continue it."""

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
    """Finds the chat that the id of a share opens for a user."""

    def __init__(self, chats: ChatService) -> None:
        self._chats = chats

    async def _may_open(self, share: Share, user: User | None) -> bool:
        """Return whether a user, or a visitor without one, may open a share."""
        if await share_store.is_public(self._chats.db, share.chat_id):
            return True
        return user is not None and await self._may_read(share, user)

    async def _may_read(self, share: Share, user: User) -> bool:
        if self._chats.access.has_owner_rights(share.user_id, user):
            return True
        return await self._chats.grants.has_access(user.id, "shared_chat", share.chat_id)

    async def _find_named_chat(self, chat_id: str, user: User | None) -> ChatPage | None:
        """Return the chat with this id: administrators who may access all chats can use it in place of a share's id."""
        if user is None or not user.is_admin or not self._chats.access.has_owner_rights("", user):
            return None
        return await store.find_chat(self._chats.db, chat_id)

    async def open_share(self, share_id: str, user: User | None) -> ChatPage:
        """Return the chat that a share shows; `share_mode` in its document says whether the user may continue it.

        Raises:
            Unauthorized: there is no such share, or the user may not open it.
        """
        user = user if user is not None and user.is_verified else None
        db, access = self._chats.db, self._chats.access
        share = await share_store.find_share(db, share_id)
        if share is not None:
            if not await self._may_open(share, user):
                raise Unauthorized(messages.ACCESS_PROHIBITED if user else messages.INVALID_TOKEN)
            live_chat = None
            if (
                user is not None
                and await share_store.read_share_mode(db, share) == "continue"
                and await access.is_allowed(share.chat_id, user, "write")
            ):
                live_chat = await store.find_chat(db, share.chat_id)
            return await self._prepare_view(live_chat or _build_snapshot_chat(share), user, live_chat is not None)
        chat = await self._find_named_chat(share_id, user)
        if chat is None or user is None:
            raise Unauthorized(messages.NOT_FOUND)
        return await self._prepare_view(chat, user, await access.is_allowed(chat.id, user, "write"))

    async def _prepare_view(self, chat: ChatPage, user: User | None, may_continue: bool) -> ChatPage:
        document = await Document.load(self._chats.db, chat.chat)
        await visibility.prepare_document(self._chats.db, chat, user, document)
        document.set_field("share_mode", "continue" if may_continue else None)
        chat.chat = await document.encode_raw()
        return chat

    async def get_clone_source(self, share_id: str, user: User) -> ChatPage:
        """Return the chat that a copy of a share is made from, as the database stores it.

        Raises:
            Unauthorized: there is no such share, or the user may not open it.
        """
        share = await share_store.find_share(self._chats.db, share_id)
        chat: ChatPage | None = None
        if share is not None:
            if not await self._may_open(share, user):
                raise Unauthorized(messages.ACCESS_PROHIBITED)
            chat = _build_snapshot_chat(share)
            mode = await share_store.read_share_mode(self._chats.db, share)
            if mode == "continue" and await self._may_read(share, user):
                chat = await store.find_chat(self._chats.db, share.chat_id)
        chat = chat or await self._find_named_chat(share_id, user)
        if chat is None:
            raise Unauthorized(messages.NOT_FOUND)
        return chat


def _build_snapshot_chat(share: Share) -> ChatPage:
    empty = msgspec.Raw(b"{}")
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
        meta=empty,
        variables=empty,
        folder_id=None,
        tasks=msgspec.Raw(b"null"),
        summary=None,
        current_message_id=None,
    )
