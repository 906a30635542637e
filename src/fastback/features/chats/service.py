"""Changes of whole chats that touch both stores."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback import messages as texts
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions, given
from fastback.features.chats import history, message_rows, store, turns
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.document import without_nulls
from fastback.features.chats.events import ChatDeleted, ChatWritten
from fastback.features.chats.schemas import ImportedChat
from fastback.features.chats.store import ChatPage
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden, HttpError, Unauthorized
from fastback.kit.tasks import Tasks

Document = dict[str, Any]

#: A document of more characters, or a change of more messages, is written by a thread.
LARGE, MANY = 128 * 1024, 20


class Chats:
    """What the operations on chats share."""

    def __init__(
        self, db: Database, permissions: Permissions, grants: Grants, rights: ChatAccess, tasks: Tasks, bus: Bus
    ) -> None:
        self.db = db
        self.permissions = permissions
        self.grants = grants
        self.rights = rights
        self.tasks = tasks
        self.bus = bus

    async def may_keep(self, user: User) -> None:
        """Raises: Forbidden where the user's chats must be temporary."""
        if user.is_admin:
            return
        tree = await self.permissions.of(user.id)
        if given(tree, "chat.temporary") and given(tree, "chat.temporary_enforced"):
            raise Forbidden(texts.ACCESS_PROHIBITED)

    async def need(self, user: User, permission: str) -> None:
        """Raises: Unauthorized without the permission; administrators have all."""
        if not user.is_admin and not await self.permissions.has(user.id, permission):
            raise Unauthorized(texts.ACCESS_PROHIBITED)

    async def owned(self, chat_id: str, user: User) -> ChatPage:
        """Raises: Unauthorized for a stranger's chat, as the reference answers."""
        chat = await store.owned(self.db, chat_id, user.id)
        if chat is None:
            raise Unauthorized(texts.ACCESS_PROHIBITED)
        return chat

    async def again(self, chat_id: str) -> ChatPage:
        chat = await store.get(self.db, chat_id)
        if chat is None:
            raise Unauthorized(texts.NOT_FOUND)
        return chat

    async def insert(self, user: User, wanted: ImportedChat, *, meta: Document | None = None) -> str:
        """Create a chat from a document; its id."""
        chat_id = str(uuid.uuid4())
        document = without_nulls(wanted.chat)
        content = msgspec.json.encode(document).decode()
        now = int(time.time())
        folder_id = wanted.folder_id
        if folder_id is not None and not await self.rights.may_write_folder(folder_id, user):
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
                title=str(document.get("title") or "New Chat"),
                chat=content,
                created_at=wanted.created_at or now,
                updated_at=wanted.updated_at or now,
                archived=bool(wanted.archived),
                pinned=bool(wanted.pinned),
                meta=msgspec.json.encode(meta if meta is not None else wanted.meta or {}).decode(),
                variables=msgspec.json.encode(wanted.variables or {}).decode(),
                folder_id=folder_id,
                current_id=wanted.current_message_id or history.current_message_id(document),
                now=now,
            )
            said = {key: one for key, one in history.messages_of(document).items() if one.get("role")}
            await message_rows.upsert_many(tx, chat_id, user.id, said)
        await self.bus.publish(ChatWritten(chat_id, user.id))
        return chat_id

    async def update(self, chat_id: str, user: User, changes: Document) -> None:
        """Change fields of a chat's document. Histories are merged: messages saved meanwhile are kept, an answer that
        is still being written is the server's."""
        changes = without_nulls(changes)
        touch = "history" in changes or "messages" in changes
        many = len((changes.get("history") or {}).get("messages") or ()) > MANY
        async with self.db.transaction(long=many) as tx:
            chat = await store.get(tx, chat_id)
            if chat is None:
                raise Unauthorized(texts.ACCESS_PROHIBITED)
            known: Document = msgspec.json.decode(chat.chat) or {}
            updated = {**known, **changes}
            if "history" in changes:
                updated["history"] = self._merged(known, changes, chat.user_id)
            current = chat.current_message_id
            if any(key in changes for key in ("history", "messages", "currentId", "branchPointMessageId")):
                current = history.current_message_id(updated)
            await tx.execute(
                "chats.update",
                """UPDATE chat SET chat = :chat, title = :title, current_message_id = :current_id,
                       updated_at = CASE WHEN :touch THEN :now ELSE updated_at END WHERE id = :id""",
                id=chat_id,
                chat=msgspec.json.encode(updated).decode(),
                title=str(updated.get("title") or "New Chat"),
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
            await message_rows.upsert_many(tx, chat_id, chat.user_id, new)
        await self.bus.publish(ChatWritten(chat_id, user.id))

    @staticmethod
    def _merged(known: Document, changes: Document, owner_id: str) -> Document:
        merged = history.merge(known.get("history"), changes["history"])
        for message_id, message in ((known.get("history") or {}).get("messages") or {}).items():
            new = merged["messages"].get(message_id)
            strangers = (message.get("user_id") or owner_id) != owner_id
            unfinished = message.get("role") == "assistant" and (
                message.get("done") is False or (new or {}).get("done") is False
            )
            if strangers or unfinished:
                merged["messages"][message_id] = message
        return history.merge(merged, {})

    async def remove_message(self, chat_id: str, message_id: str, user: User) -> None:
        async with self.db.transaction() as tx:
            chat = await store.get(tx, chat_id)
            if chat is None:
                raise Unauthorized(texts.ACCESS_PROHIBITED)
            document: Document = msgspec.json.decode(chat.chat) or {}
            tree = document.get("history") or {}
            parent_id = ((tree.get("messages") or {}).get(message_id) or {}).get("parentId")
            gone = history.remove(tree, message_id)
            document["history"] = tree
            await tx.execute(
                "chats.remove_message",
                "UPDATE chat SET chat = :chat, current_message_id = :current_id, updated_at = :now WHERE id = :id",
                id=chat_id,
                chat=msgspec.json.encode(document).decode(),
                current_id=history.current_message_id(document),
                now=int(time.time()),
            )
            rows = [f"{chat_id}-{one}" for one in gone]
            await tx.execute("chats.remove_rows", "DELETE FROM chat_message WHERE id = ANY(:ids)", ids=rows)
            for one, message in (tree.get("messages") or {}).items():
                if message.get("parentId") == parent_id and gone:
                    await message_rows.upsert(tx, chat_id, one, chat.user_id, message)
        await self.bus.publish(ChatWritten(chat_id, user.id))

    async def delete(self, chat: ChatPage) -> None:
        """Stop what runs in a chat, then remove it, and the chats of subagents it started."""
        children = {
            "sqlite": "json_extract(meta, '$.internal') = 1 AND json_extract(meta, '$.parent_chat_id') = :id",
            "postgres": "meta ->> 'internal' = 'true' AND meta ->> 'parent_chat_id' = :id",
        }[self.db.dialect]
        ids = await self.db.all(
            str,
            "chats.children",
            f"SELECT id FROM chat WHERE user_id = :user_id AND {children}",
            user_id=chat.user_id,
            id=chat.id,
        )
        for one in (chat.id, *ids):
            for task_id in self.tasks.of(one):
                await self.tasks.stop(task_id)
        await store.delete(self.db, [chat.id, *ids])
        await self.bus.publish(ChatDeleted(chat.id, chat.user_id))

    async def fork(self, chat: ChatPage, user: User, message_id: str | None) -> str:
        """A new chat of the one branch that ends at a message; its id.

        Raises:
            HttpError: an answer is still being written, or there is nothing to fork.
        """
        if self.tasks.of(chat.id):
            raise HttpError(409, "Wait for the current response to finish before forking.")
        document: Document = msgspec.json.decode(chat.chat) or {}
        source = message_id or chat.current_message_id or (document.get("history") or {}).get("currentId")
        if not source:
            raise HttpError(400, "chat has no messages to fork")
        try:
            tree, listed = history.branch(history.messages_of(document), source)
        except ValueError as error:
            raise HttpError(404 if str(error) == "message not found" else 400, str(error)) from None
        for message in listed:
            if message.get("role") == "assistant" and message.get("done") is False:
                message["done"] = True
        for key in ("currentId", "share_mode"):
            document.pop(key, None)
        document |= {
            "originalChatId": chat.id,
            "branchPointMessageId": source,
            "title": f"{chat.title} (fork)",
            "history": tree,
            "messages": listed,
        }
        own = chat.user_id == user.id
        if not own:
            for key in ("params", "tool_servers", "tool_ids", "filter_ids", "variables"):
                document.pop(key, None)
        meta = (msgspec.json.decode(chat.meta) or {}) if own else {}
        meta |= {"forked_from": chat.id, "forked_from_message_id": source}
        variables = msgspec.json.decode(chat.variables) if own else {}
        wanted = ImportedChat(
            document,
            variables=variables,
            folder_id=chat.folder_id if own else None,
            pinned=chat.pinned if own else False,
        )
        return await self.insert(user, wanted, meta=meta)

    async def save_message(self, chat_id: str, message_id: str, patch: Document, user: User) -> None:
        await turns.save_message(self.db, chat_id, message_id, patch)
        await self.bus.publish(ChatWritten(chat_id, user.id))
