"""`chats.…`: documents of chats and their messages."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access import credential_store
from fastback.access.identity import User
from fastback.features.chats import store
from fastback.features.chats.document import Document
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.chats.schemas import ImportedChat
from fastback.features.chats.service import ChatService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_calls import row_store
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class _Times(msgspec.Struct):
    """What the page of a chat does not show."""

    last_read_at: int | None
    timer_at: int | None


class ChatMethods:
    """Read and change chats for plugins."""

    def __init__(self, *, db: Database, chats: ChatService, running_answers: RunningAnswers, bus: Bus) -> None:
        self._db = db
        self._chats = chats
        self._running_answers = running_answers
        self._bus = bus

    def add_to(self, methods: HostMethods) -> None:
        methods.add("chats.find", self.find_chat)
        methods.add("chats.insert", self.insert_chat)
        methods.add("chats.update", self.update_chat)
        methods.add("chats.set_title", self.set_title)
        methods.add("chats.save_message", self.save_message)
        methods.add("chats.add_status", self.add_status)
        methods.add("chats.delete_message", self.delete_message)
        methods.add("chats.delete", self.delete_chat)

    async def find_chat(self, chat_id: str) -> Json | None:
        """Return a chat by its columns, with what has come of a running answer in its document, or None."""
        chat = await store.find_chat(self._db, chat_id)
        if chat is None:
            return None
        others = await self._running_answers.load_others(chat_id)
        if others or self._running_answers.has_chat(chat_id):
            document = await Document.load(self._db, chat.chat)
            self._running_answers.overlay_document(chat_id, document, others)
            chat.chat = await document.encode_raw()
        fields = {name: getattr(chat, name) for name in chat.__struct_fields__ if name != "context_usage"}
        columns = _Times.__struct_fields__
        for times in await row_store.list_rows(self._db, _Times, "chat", columns=columns, where={"id": chat_id}):
            fields |= msgspec.structs.asdict(times)
        return {name: bytes(value) if isinstance(value, msgspec.Raw) else value for name, value in fields.items()}

    async def insert_chat(self, chat_id: str, user_id: str, form: Json) -> None:
        """Create a chat of a user; `form` are the fields of an import.

        Raises:
            RemoteFailure: of the kind `not_found`: there is no such user.
        """
        user = await self._get_user(user_id)
        try:
            imported = msgspec.convert({**form, "variables": form.get("variables") or {}}, ImportedChat)
            await self._chats.insert_chat(user, imported, chat_id)
        except (HttpError, msgspec.ValidationError) as error:
            raise RemoteFailure("invalid", str(error)) from None

    async def update_chat(self, chat_id: str, document: Json) -> None:
        """Merge fields into the document of a chat, as a page saves it."""
        await self._chats.update_chat(chat_id, await self._get_owner(chat_id), document)

    async def set_title(self, chat_id: str, title: str) -> None:
        await turn_store.set_title(self._db, chat_id, title)
        await self._publish(chat_id)

    async def save_message(self, chat_id: str, message_id: str, message: Json) -> None:
        """Add a message, or change fields of one."""
        await turn_store.save_message(self._db, chat_id, message_id, message, repair=True)
        await self._publish(chat_id)

    async def add_status(self, chat_id: str, message_id: str, status: Json) -> None:
        await turn_store.save_message(self._db, chat_id, message_id, {}, statuses=[status])

    async def delete_message(self, chat_id: str, message_id: str) -> None:
        await self._chats.delete_message(chat_id, message_id, await self._get_owner(chat_id))

    async def delete_chat(self, chat_id: str) -> bool:
        """Delete a chat; return whether it existed."""
        head = await store.find_head(self._db, chat_id)
        if head is None:
            return False
        await self._chats.delete_chat(head)
        return True

    async def _get_owner(self, chat_id: str) -> User:
        head = await store.find_head(self._db, chat_id)
        if head is None:
            raise RemoteFailure("not_found", "there is no such chat")
        return await self._get_user(head.user_id)

    async def _get_user(self, user_id: str) -> User:
        account = await credential_store.find_account(self._db, user_id)
        if account is None or account.id is None:
            raise RemoteFailure("not_found", "there is no such user")
        return User(account.id, account.email, account.name, account.role)

    async def _publish(self, chat_id: str) -> None:
        head = await store.find_head(self._db, chat_id)
        if head is not None:
            await self._bus.publish(ChatWritten(chat_id, head.user_id))
