"""Opening what others share: the picture that was shared, or the chat itself where readers may go on with it."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.features.chats import store
from fastback.features.chats.document import Document
from fastback.features.chats.service import Chats
from fastback.features.chats.sharing import store as share_store
from fastback.features.chats.sharing import visibility
from fastback.features.chats.sharing.store import Shared
from fastback.features.chats.store import ChatPage
from fastback.kit.http.errors import Unauthorized


class Opening:
    """Finds what a share's id opens for somebody."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    async def _granted(self, share: Shared, user: User | None) -> bool:
        if await share_store.open_to_anyone(self._chats.db, share.chat_id):
            return True
        return user is not None and await self._reads(share, user)

    async def _reads(self, share: Shared, user: User) -> bool:
        if self._chats.rights.governs(share.user_id, user):
            return True
        return await self._chats.grants.has_access(user.id, "shared_chat", share.chat_id)

    async def _any_chat(self, chat_id: str, user: User | None) -> ChatPage | None:
        """Administrators may name a chat itself in place of a share."""
        if user is None or not user.is_admin or not self._chats.rights.governs("", user):
            return None
        return await store.get(self._chats.db, chat_id)

    async def shared(self, share_id: str, user: User | None) -> ChatPage:
        """What a share shows; `chat.share_mode` says whether it may be gone on with.

        Raises:
            Unauthorized: there is no such share, or it is not for this user.
        """
        user = user if user is not None and user.is_verified else None
        db, rights = self._chats.db, self._chats.rights
        share = await share_store.get(db, share_id)
        if share is not None:
            if not await self._granted(share, user):
                raise Unauthorized(messages.ACCESS_PROHIBITED if user else messages.INVALID_TOKEN)
            live = None
            if user is not None and _mode(share) == "continue" and await rights.may(share.chat_id, user, "write"):
                live = await store.get(db, share.chat_id)
            return await self._shown(live or _snapshot(share), user, live is not None)
        chat = await self._any_chat(share_id, user)
        if chat is None or user is None:
            raise Unauthorized(messages.NOT_FOUND)
        return await self._shown(chat, user, await rights.may(chat.id, user, "write"))

    async def _shown(self, chat: ChatPage, user: User | None, live: bool) -> ChatPage:
        document = Document(bytes(chat.chat))
        await visibility.prepare(self._chats.db, chat, user, document)
        document.set_field("share_mode", "continue" if live else None)
        chat.chat = msgspec.Raw(document.encode())
        return chat

    async def to_clone(self, share_id: str, user: User) -> ChatPage:
        """The chat that a copy of a share is made of, as it is stored.

        Raises:
            Unauthorized: as `shared`.
        """
        share = await share_store.get(self._chats.db, share_id)
        chat: ChatPage | None = None
        if share is not None:
            if not await self._granted(share, user):
                raise Unauthorized(messages.ACCESS_PROHIBITED)
            chat = _snapshot(share)
            if _mode(share) == "continue" and await self._reads(share, user):
                chat = await store.get(self._chats.db, share.chat_id)
        chat = chat or await self._any_chat(share_id, user)
        if chat is None:
            raise Unauthorized(messages.NOT_FOUND)
        return chat


class _Mode(msgspec.Struct):
    share_mode: str | None = None


def _mode(share: Shared) -> str | None:
    return msgspec.json.decode(share.chat, type=_Mode).share_mode


def _snapshot(share: Shared) -> ChatPage:
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
