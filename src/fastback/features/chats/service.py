"""Operations on whole chats: they change the documents and the rows of the messages together."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import msgspec

from fastback import messages as texts
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions, is_granted
from fastback.features.chats import store
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.document import Document as OpenDocument
from fastback.features.chats.document import EncodedDocument
from fastback.features.chats.events import ChatDeleted, ChatWritten
from fastback.features.chats.messages import message_tree, turn_store
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.schemas import ImportedChat
from fastback.features.chats.store import ChatPage
from fastback.features.chats.tags import store as tag_store
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database, Transaction
from fastback.kit.http.errors import BadRequest, Forbidden, Unauthorized
from fastback.kit.storable_text import encode_json, encode_storable
from fastback.kit.tasks import Tasks

Document = dict[str, Any]

#: A thread writes documents of more characters than this, and changes of more messages.
LARGE_DOCUMENT, MANY_MESSAGES = 128 * 1024, 20


def require_title(document: Document) -> str:
    """Return the title in a document; `New Chat` without one.

    Raises:
        BadRequest: the title is not a string.
    """
    title = document.get("title", "New Chat")
    if not isinstance(title, str):
        raise BadRequest(texts.wrap_reason())
    return title


def _has_many_messages(content: Document) -> bool:
    history = content.get("history")
    return isinstance(history, dict) and len(history.get("messages") or ()) > MANY_MESSAGES


async def _encode_document(content: Document) -> EncodedDocument:
    """Return a document as JSON; one with many messages is encoded message by message, in a thread."""
    if not _has_many_messages(content):
        return msgspec.Raw(encode_storable(content))
    document = await asyncio.to_thread(OpenDocument.build, content)
    document.is_large = True
    return await document.encode_stored()


class ChatService:
    """Creates, changes and deletes chats, and checks the permissions for it."""

    def __init__(
        self, *, db: Database, permissions: Permissions, grants: Grants, access: ChatAccess, tasks: Tasks, bus: Bus
    ) -> None:
        self.db = db
        self.permissions = permissions
        self.grants = grants
        self.access = access
        self.tasks = tasks
        self.bus = bus

    async def require_permanent_chats(self, user: User) -> None:
        """Check that the user may store chats.

        Raises:
            Forbidden: the user's chats must be temporary.
        """
        if user.is_admin:
            return
        permissions = await self.permissions.get_tree(user.id)
        if is_granted(permissions, "chat.temporary") and is_granted(permissions, "chat.temporary_enforced"):
            raise Forbidden(texts.ACCESS_PROHIBITED)

    async def require_permission(self, user: User, permission: str) -> None:
        """Check that the user has a permission; administrators have all.

        Raises:
            Unauthorized: the user does not have it.
        """
        if not user.is_admin and not await self.permissions.has(user.id, permission):
            raise Unauthorized(texts.ACCESS_PROHIBITED)

    async def require_import_permission(self, user: User) -> None:
        """Check that the user may import chats, which includes copying them.

        Raises:
            Forbidden: the user may not.
        """
        if not user.is_admin and not await self.permissions.has(user.id, "chat.import"):
            raise Forbidden(texts.ACCESS_PROHIBITED)

    async def get_changeable_head(self, chat_id: str, user: User) -> store.ChatHead:
        """Return the head of a chat whose messages the user may change: their own, or any for administrators.

        Raises:
            Unauthorized: there is no such chat, or the user may not change it.
        """
        head = await store.find_head(self.db, chat_id)
        if head is None or not self.access.has_owner_rights(head.user_id, user):
            raise Unauthorized(texts.ACCESS_PROHIBITED)
        return head

    async def reload_chat(self, chat_id: str) -> ChatPage:
        """Return a chat after a change.

        Raises:
            Unauthorized: it was deleted meanwhile.
        """
        chat = await store.find_chat(self.db, chat_id)
        if chat is None:
            raise Unauthorized(texts.NOT_FOUND)
        return chat

    async def insert_chat(self, user: User, form: ImportedChat, chat_id: str | None = None) -> str:
        """Create a chat from a document, under `chat_id` or a new id, and return its id.

        Raises:
            Forbidden: the user's chats must be temporary. BadRequest: the title is not a string.
        """
        await self.require_permanent_chats(user)
        chat_id = chat_id or str(uuid.uuid4())
        document = await _encode_document(form.chat)
        folder_id = await self._find_writable_folder(user, form.folder_id)
        is_large = not isinstance(document, msgspec.Raw) or len(memoryview(document)) > LARGE_DOCUMENT
        async with self.db.transaction(long=is_large) as tx:
            await self._insert_chat(tx, chat_id, user.id, form, document, folder_id)
        await self.publish_written(chat_id, user.id)
        return chat_id

    async def insert_chats(self, user: User, forms: list[ImportedChat]) -> list[str]:
        """Create chats from documents, all of them or none, and return their ids. Raises: as `insert_chat`."""
        await self.require_permanent_chats(user)
        folder_ids = {form.folder_id: await self._find_writable_folder(user, form.folder_id) for form in forms}
        chat_ids = [str(uuid.uuid4()) for _ in forms]
        async with self.db.transaction(long=True) as tx:
            for chat_id, form in zip(chat_ids, forms, strict=True):
                document = await _encode_document(form.chat)
                await self._insert_chat(tx, chat_id, user.id, form, document, folder_ids[form.folder_id])
        for chat_id in chat_ids:
            await self.publish_written(chat_id, user.id)
        return chat_ids

    async def _find_writable_folder(self, user: User, folder_id: str | None) -> str | None:
        may_write = folder_id is not None and await self.access.may_write_folder(folder_id, user)
        return folder_id if may_write else None

    @staticmethod
    async def _insert_chat(
        tx: Transaction,
        chat_id: str,
        user_id: str,
        form: ImportedChat,
        document: EncodedDocument,
        folder_id: str | None,
    ) -> None:
        now = int(clock.time())
        await store.insert_chat(
            tx,
            id=chat_id,
            user_id=user_id,
            title=require_title(form.chat),
            document=document,
            created_at=form.created_at or now,
            updated_at=form.updated_at or now,
            archived=bool(form.archived),
            pinned=bool(form.pinned),
            meta=encode_json(form.meta or {}),
            variables=encode_json(form.variables or {}),
            folder_id=folder_id,
            current_id=form.current_message_id or message_tree.find_current_id(form.chat),
            now=now,
        )
        messages = message_tree.get_messages(form.chat)
        with_role = {message_id: message for message_id, message in messages.items() if message.get("role")}
        await message_store.upsert_messages(tx, chat_id, user_id, with_role)

    async def update_chat(self, chat_id: str, user: User, changes: Document) -> None:
        """Change fields of a chat's document.

        Histories are merged: messages that were saved meanwhile stay, and the server's version of an answer that is
        still streaming wins.
        """
        touch = "history" in changes or "messages" in changes
        many = _has_many_messages(changes)
        async with self.db.transaction(long=many or await store.is_large(self.db, chat_id)) as tx:
            chat = await store.lock_chat(tx, chat_id)
            if chat is None:
                raise Unauthorized(texts.ACCESS_PROHIBITED)
            document = await OpenDocument.load(self.db, chat.chat)
            document.is_large = document.is_large or many
            changed_messages = await document.run(self._apply_changes, document, changes, chat.user_id)
            current_id = chat.current_message_id
            if any(key in changes for key in ("history", "messages", "currentId", "branchPointMessageId")):
                current_id = document.opening_message_id
            title = document.get_field("title") if "title" in document.fields else "New Chat"
            await store.update_document_and_title(
                tx,
                chat_id,
                document=await document.encode_stored(),
                title=require_title({"title": title}),
                current_id=current_id,
                touch=touch,
            )
            await message_store.upsert_messages(tx, chat_id, chat.user_id, changed_messages)
        await self.publish_written(chat_id, user.id)

    @classmethod
    def _apply_changes(cls, document: OpenDocument, changes: Document, owner_id: str) -> dict[str, Document]:
        """Change fields of a document, and return the messages among them that changed and have a role."""
        for name, value in changes.items():
            if name != "history":
                document.set_field(name, value)
        if "history" not in changes:
            return {}
        stored = document.decode_history()
        before = stored["messages"]
        merged = cls._merge_histories({"history": stored}, changes, owner_id)
        document.fields.setdefault("history", msgspec.Raw(b"{}"))
        document.set_history_fields(merged)
        messages: dict[str, Document] = merged["messages"]
        for message_id in document.messages.keys() - messages.keys():
            del document.messages[message_id]
        for message_id, message in messages.items():
            if message != before.get(message_id):
                document.put_message(message_id, message)
        incoming_ids = (changes.get("history") or {}).get("messages") or {}
        return {
            message_id: messages[message_id]
            for message_id in incoming_ids
            if message_id in messages
            and messages[message_id].get("role")
            and messages[message_id] != before.get(message_id)
        }

    @staticmethod
    def _merge_histories(stored: Document, changes: Document, owner_id: str) -> Document:
        """Merge the histories; the stored version wins for other users' messages and unfinished answers."""
        merged = message_tree.merge_histories(stored.get("history"), changes["history"])
        for message_id, message in ((stored.get("history") or {}).get("messages") or {}).items():
            incoming = merged["messages"].get(message_id)
            is_foreign = (message.get("user_id") or owner_id) != owner_id
            is_unfinished = message.get("role") == "assistant" and (
                message.get("done") is False or (incoming or {}).get("done") is False
            )
            if is_foreign or is_unfinished:
                merged["messages"][message_id] = message
        return message_tree.merge_histories(merged, {})

    async def delete_message(self, chat_id: str, message_id: str, user: User) -> None:
        """Delete a message with its answers, and attach what follows them to its parent.

        Raises:
            Unauthorized: there is no such chat.
        """
        async with self.db.transaction(long=await store.is_large(self.db, chat_id)) as tx:
            chat = await store.lock_chat(tx, chat_id)
            if chat is None:
                raise Unauthorized(texts.ACCESS_PROHIBITED)
            document = await OpenDocument.load(self.db, chat.chat)
            await document.run(document.repair_links)
            parent_id = (document.find_message(message_id) or {}).get("parentId")
            deleted_ids = await document.run(document.remove_message, message_id)
            await store.update_document(
                tx,
                chat_id,
                document=await document.encode_stored(),
                current_id=document.opening_message_id,
                touch=bool(deleted_ids),
            )
            if deleted_ids:
                await message_store.delete_messages(tx, chat_id, deleted_ids)
                siblings = await document.run(document.list_children, parent_id)
                await message_store.upsert_messages(tx, chat_id, chat.user_id, siblings)
        await self.publish_written(chat_id, user.id)

    async def stop_tasks(self, chat_id: str) -> None:
        """Stop the tasks that run in a chat."""
        for task_id in self.tasks.list_group_ids(chat_id):
            await self.tasks.stop(task_id)

    async def delete_chat(self, head: store.ChatHead) -> None:
        """Stop the tasks of a chat, then delete it, the chats of subagents that it started, and its unused tags."""
        subagent_ids = await store.list_subagent_ids(self.db, head.user_id, head.id)
        await self._delete_chats([head.id, *subagent_ids], head.user_id)
        await tag_store.delete_unused_tags(self.db, head.user_id, tag_store.decode_tag_ids(head.meta))

    async def delete_all_chats(self, user: User) -> None:
        """Delete every chat of a user, and all tags."""
        await self._delete_chats(await store.list_all_ids(self.db, user.id), user.id)
        tags = await tag_store.list_user_tags(self.db, user.id)
        await tag_store.delete_unused_tags(self.db, user.id, [tag.id for tag in tags])

    async def _delete_chats(self, chat_ids: list[str], owner_id: str) -> None:
        for chat_id in chat_ids:
            await self.stop_tasks(chat_id)
        await store.delete_chats(self.db, chat_ids)
        for chat_id in chat_ids:
            await self.bus.publish(ChatDeleted(chat_id, owner_id))

    async def publish_written(self, chat_id: str, user_id: str) -> None:
        """Publish that a chat changed."""
        await self.bus.publish(ChatWritten(chat_id, user_id))

    async def save_message(self, chat_id: str, message_id: str, patch: Document, user: User) -> None:
        """Add or change a message, in the document and in its row."""
        await turn_store.save_message(self.db, chat_id, message_id, patch, repair=True)
        await self.bus.publish(ChatWritten(chat_id, user.id))
