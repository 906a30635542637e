"""Changes of whole chats that touch both stores."""

from __future__ import annotations

import time
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
from fastback.features.chats.document import remove_nul_characters
from fastback.features.chats.events import ChatDeleted, ChatWritten
from fastback.features.chats.messages import message_tree, turn_store
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.schemas import ImportedChat
from fastback.features.chats.store import ChatPage
from fastback.features.chats.tags import store as tag_store
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, Forbidden, Unauthorized
from fastback.kit.tasks import Tasks

Document = dict[str, Any]

#: A document of more characters, or a change of more messages, is written by a thread.
LARGE, MANY = 128 * 1024, 20


def require_title(document: Document) -> str:
    """The title a document gives its chat. Raises: BadRequest where that is no text."""
    title = document.get("title", "New Chat")
    if not isinstance(title, str):
        raise BadRequest(texts.wrap_reason())
    return title


class ChatService:
    """What the operations on chats share."""

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
        """Raises: Forbidden where the user's chats must be temporary."""
        if user.is_admin:
            return
        tree = await self.permissions.get_tree(user.id)
        if is_granted(tree, "chat.temporary") and is_granted(tree, "chat.temporary_enforced"):
            raise Forbidden(texts.ACCESS_PROHIBITED)

    async def require_permission(self, user: User, permission: str) -> None:
        """Raises: Unauthorized without the permission; administrators have all."""
        if not user.is_admin and not await self.permissions.has(user.id, permission):
            raise Unauthorized(texts.ACCESS_PROHIBITED)

    async def require_import_permission(self, user: User) -> None:
        """Raises: Forbidden where the user may bring no chats in, copies among them."""
        if not user.is_admin and not await self.permissions.has(user.id, "chat.import"):
            raise Forbidden(texts.ACCESS_PROHIBITED)

    async def get_changeable_head(self, chat_id: str, user: User) -> store.ChatHead:
        """A chat whose messages the user may change: their own, or anybody's for administrators.

        Raises:
            Unauthorized: it is not there, or not theirs.
        """
        head = await store.find_head(self.db, chat_id)
        if head is None or not self.access.has_owner_rights(head.user_id, user):
            raise Unauthorized(texts.ACCESS_PROHIBITED)
        return head

    async def reload_chat(self, chat_id: str) -> ChatPage:
        chat = await store.find_chat(self.db, chat_id)
        if chat is None:
            raise Unauthorized(texts.NOT_FOUND)
        return chat

    async def insert_chat(self, user: User, wanted: ImportedChat, chat_id: str | None = None) -> str:
        """Create a chat from a document; its id, a new one unless it is said.

        Raises:
            Forbidden: the user's chats must be temporary. BadRequest: its title is no text.
        """
        await self.require_permanent_chats(user)
        chat_id = chat_id or str(uuid.uuid4())
        document = remove_nul_characters(wanted.chat)
        content = msgspec.json.encode(document).decode()
        now = int(time.time())
        folder_id = wanted.folder_id
        if folder_id is not None and not await self.access.may_write_folder(folder_id, user):
            folder_id = None
        async with self.db.transaction(long=len(content) > LARGE) as tx:
            await tx.execute(
                "chats.insert",
                """INSERT INTO chat (id, user_id, title, chat, created_at, updated_at, archived, pinned, meta,
                    variables, folder_id, current_message_id, last_read_at)
                   VALUES (:id, :user_id, :title, :chat, :created_at, :updated_at, :archived, :pinned, :meta,
                    :variables, :folder_id, :current_id, :now)""",
                id=chat_id,
                user_id=user.id,
                title=require_title(document),
                chat=content,
                created_at=wanted.created_at or now,
                updated_at=wanted.updated_at or now,
                archived=bool(wanted.archived),
                pinned=bool(wanted.pinned),
                meta=msgspec.json.encode(wanted.meta or {}).decode(),
                variables=msgspec.json.encode(wanted.variables or {}).decode(),
                folder_id=folder_id,
                current_id=wanted.current_message_id or message_tree.find_current_id(document),
                now=now,
            )
            said = {key: one for key, one in message_tree.get_messages(document).items() if one.get("role")}
            await message_store.upsert_messages(tx, chat_id, user.id, said)
        await self.bus.publish(ChatWritten(chat_id, user.id))
        return chat_id

    async def update_chat(self, chat_id: str, user: User, changes: Document) -> None:
        """Change fields of a chat's document. Histories are merged: messages saved meanwhile are kept, an answer that
        is still being written is the server's."""
        changes = remove_nul_characters(changes)
        touch = "history" in changes or "messages" in changes
        many = len((changes.get("history") or {}).get("messages") or ()) > MANY
        async with self.db.transaction(long=many) as tx:
            chat = await store.lock_chat(tx, chat_id)
            if chat is None:
                raise Unauthorized(texts.ACCESS_PROHIBITED)
            known: Document = msgspec.json.decode(chat.chat) or {}
            updated = {**known, **changes}
            if "history" in changes:
                updated["history"] = self._merge_histories(known, changes, chat.user_id)
            current = chat.current_message_id
            if any(key in changes for key in ("history", "messages", "currentId", "branchPointMessageId")):
                current = message_tree.find_current_id(updated)
            await tx.execute(
                "chats.update",
                """UPDATE chat SET chat = :chat, title = :title, current_message_id = :current_id,
                       updated_at = CASE WHEN :touch THEN :now ELSE updated_at END WHERE id = :id""",
                id=chat_id,
                chat=msgspec.json.encode(updated).decode(),
                title=require_title(updated),
                current_id=current,
                touch=touch,
                now=int(time.time()),
            )
            before = (known.get("history") or {}).get("messages") or {}
            new = {}
            for message_id in (changes.get("history") or {}).get("messages") or {}:
                message = updated["history"]["messages"].get(message_id)
                if message and message.get("role") and message != before.get(message_id):
                    new[message_id] = message
            await message_store.upsert_messages(tx, chat_id, chat.user_id, new)
        await self.bus.publish(ChatWritten(chat_id, user.id))

    @staticmethod
    def _merge_histories(known: Document, changes: Document, owner_id: str) -> Document:
        merged = message_tree.merge_histories(known.get("history"), changes["history"])
        for message_id, message in ((known.get("history") or {}).get("messages") or {}).items():
            new = merged["messages"].get(message_id)
            strangers = (message.get("user_id") or owner_id) != owner_id
            unfinished = message.get("role") == "assistant" and (
                message.get("done") is False or (new or {}).get("done") is False
            )
            if strangers or unfinished:
                merged["messages"][message_id] = message
        return message_tree.merge_histories(merged, {})

    async def delete_message(self, chat_id: str, message_id: str, user: User) -> None:
        async with self.db.transaction() as tx:
            chat = await store.lock_chat(tx, chat_id)
            if chat is None:
                raise Unauthorized(texts.ACCESS_PROHIBITED)
            opened = OpenDocument(bytes(chat.chat))
            opened.repair_links()
            document: Document = msgspec.json.decode(opened.encode())
            tree = document.get("history") or {}
            parent_id = ((tree.get("messages") or {}).get(message_id) or {}).get("parentId")
            gone = message_tree.remove_message(tree, message_id)
            await tx.execute(
                "chats.remove_message",
                """UPDATE chat SET chat = :chat, current_message_id = :current_id,
                       updated_at = CASE WHEN :touch THEN :now ELSE updated_at END WHERE id = :id""",
                id=chat_id,
                chat=msgspec.json.encode(document).decode(),
                current_id=message_tree.find_current_id(document),
                touch=bool(gone),
                now=int(time.time()),
            )
            if gone:
                rows = [f"{chat_id}-{one}" for one in gone]
                await tx.execute("chats.remove_rows", "DELETE FROM chat_message WHERE id = ANY(:ids)", ids=rows)
                moved = {
                    one: message
                    for one, message in (tree.get("messages") or {}).items()
                    if isinstance(message, dict) and message.get("parentId") == parent_id
                }
                await message_store.upsert_messages(tx, chat_id, chat.user_id, moved)
        await self.bus.publish(ChatWritten(chat_id, user.id))

    async def stop_tasks(self, chat_id: str) -> None:
        """Stop what runs in a chat."""
        for task_id in self.tasks.list_group_ids(chat_id):
            await self.tasks.stop(task_id)

    async def delete_chat(self, head: store.ChatHead) -> None:
        """Stop what runs in a chat, then remove it, and the chats of subagents it started."""
        children = {
            "sqlite": "json_extract(meta, '$.internal') = 1 AND json_extract(meta, '$.parent_chat_id') = :id",
            "postgres": "meta ->> 'internal' = 'true' AND meta ->> 'parent_chat_id' = :id",
        }[self.db.dialect]
        ids = await self.db.fetch_all(
            str,
            "chats.children",
            f"SELECT id FROM chat WHERE user_id = :user_id AND {children}",
            user_id=head.user_id,
            id=head.id,
        )
        await self._delete_chats([head.id, *ids], head.user_id)
        await tag_store.delete_unused_tags(self.db, head.user_id, tag_store.decode_tag_ids(head.meta))

    async def delete_all_chats(self, user: User) -> None:
        """Remove every chat of a user."""
        await self._delete_chats(await store.list_all_ids(self.db, user.id), user.id)
        await tag_store.delete_unused_tags(
            self.db, user.id, [one.id for one in await tag_store.list_user_tags(self.db, user.id)]
        )

    async def _delete_chats(self, ids: list[str], owner_id: str) -> None:
        for one in ids:
            await self.stop_tasks(one)
        await store.delete_chats(self.db, ids)
        for one in ids:
            await self.bus.publish(ChatDeleted(one, owner_id))

    async def publish_written(self, chat_id: str, user_id: str) -> None:
        """Tell who cares that a chat has changed."""
        await self.bus.publish(ChatWritten(chat_id, user_id))

    async def save_message(self, chat_id: str, message_id: str, patch: Document, user: User) -> None:
        await turn_store.save_message(self.db, chat_id, message_id, patch, repair=True)
        await self.bus.publish(ChatWritten(chat_id, user.id))
