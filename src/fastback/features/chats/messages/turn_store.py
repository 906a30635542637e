"""Writes of a chat turn: the chat, its question and its answers, in the document and in the rows of the messages.

A change of the document reads, changes and writes it in one transaction. While an answer streams, only its row in
`chat_message` is updated, at a cost that does not depend on the length of the chat; the document follows at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from fastback.features.chats import store as chats_store
from fastback.features.chats.document import Document, Message
from fastback.features.chats.fragments import DOCUMENT, SMALL_DOCUMENT
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.messages.message_tree import walk_to_root
from fastback.features.chats.messages.turn_placement import InsertedTurn, place_turn
from fastback.kit.clock import clock
from fastback.kit.db import Database, Transaction
from fastback.kit.db.large_column import fetch_row
from fastback.kit.http.errors import NotFound
from fastback.kit.sliced_json import is_large_value
from fastback.kit.storable_text import encode_json, encode_storable

R = TypeVar("R")

#: Statuses that are written at once from which a thread encodes the message.
MANY_STATUSES = 500


class AnswerEnded(Exception):
    """Another process has ended an answer, as it took the process that writes it for dead."""


class TurnChat(msgspec.Struct):
    """The columns of a chat that a turn needs before it starts."""

    id: str
    user_id: str
    title: str
    folder_id: str | None
    variables: dict[str, Any] | None
    meta: dict[str, Any] | None


class ChatDocument(msgspec.Struct):
    """The owner, document and variables of a chat."""

    user_id: str
    chat: msgspec.Raw
    variables: dict[str, Any] | None


class _StoredDocument(msgspec.Struct):
    user_id: str
    chat: msgspec.Raw


FIND_CHAT = "SELECT id, user_id, title, folder_id, variables, meta FROM chat WHERE id = :id"
FIND_DOCUMENT = {
    dialect: f"SELECT user_id, {document} AS chat FROM chat WHERE id = :id"
    for dialect, document in SMALL_DOCUMENT.items()
}
LOCK_DOCUMENT = {"sqlite": FIND_DOCUMENT["sqlite"], "postgres": f"{FIND_DOCUMENT['postgres']} FOR UPDATE"}
FIND_CHAT_DOCUMENT = {
    dialect: f"SELECT user_id, {document} AS chat, variables FROM chat WHERE id = :id"
    for dialect, document in SMALL_DOCUMENT.items()
}
FIND_TITLE = "SELECT title FROM chat WHERE id = :id"


# -- chats --------------------------------------------------------------------------------------------------------


async def find_chat(db: Database, chat_id: str) -> TurnChat | None:
    """Return a chat without its document, or None."""
    return await fetch_row(db, DOCUMENT, TurnChat, "turns.find_chat", FIND_CHAT, id=chat_id)


async def find_chat_document(db: Database, chat_id: str) -> ChatDocument | None:
    """Return the owner, document and variables of a chat, or None."""
    text = FIND_CHAT_DOCUMENT[db.dialect]
    row = await fetch_row(db, DOCUMENT, ChatDocument, "turns.find_chat_document", text, id=chat_id)
    if row is not None:
        row.chat = await chats_store.complete_document(db, chat_id, row.chat)
    return row


async def insert_chat(
    db: Database,
    *,
    chat_id: str,
    user_id: str,
    document: dict[str, Any],
    folder_id: str | None = None,
    variables: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
) -> None:
    """Insert a chat with the messages of its document."""
    now = int(clock.time())
    history = document.get("history") or {}
    async with db.transaction() as tx:
        await chats_store.insert_chat(
            tx,
            id=chat_id,
            user_id=user_id,
            title=str(document.get("title") or "New Chat"),
            document=msgspec.Raw(encode_storable(document)),
            created_at=now,
            updated_at=now,
            archived=False,
            pinned=False,
            meta=encode_json(meta or {}),
            variables=encode_json(variables or {}),
            folder_id=folder_id,
            current_id=history.get("currentId"),
            now=now,
        )
        await message_store.upsert_messages(tx, chat_id, user_id, history.get("messages") or {})


async def get_title(db: Database, chat_id: str) -> str:
    """Return the title of a chat; `New Chat` if there is no such chat."""
    title = await db.fetch_value("turns.find_title", FIND_TITLE, id=chat_id)
    return str(title) if title is not None else "New Chat"


async def set_title(db: Database, chat_id: str, title: str) -> None:
    """Replace the title of a chat, in its row and in its document, without moving it in the lists."""
    async with _change_chat(db, chat_id) as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            return
        document = await Document.load(db, row.chat)
        document.set_field("title", title)
        await chats_store.set_title(tx, chat_id, document=await document.encode_stored(), title=title)


# -- documents ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _change_chat(db: Database, chat_id: str, *, is_large: bool = False) -> AsyncIterator[Transaction]:
    """Open a transaction that changes a chat's document, a long one where the document, or the change, is large."""
    async with db.transaction(long=is_large or await chats_store.is_large(db, chat_id)) as tx:
        yield tx


async def _lock_document(tx: Transaction, chat_id: str) -> _StoredDocument | None:
    row = await tx.fetch_first(_StoredDocument, "turns.lock_document", LOCK_DOCUMENT[tx.dialect], id=chat_id)
    if row is not None:
        row.chat = await chats_store.complete_document(tx, chat_id, row.chat)
    return row


async def _save_document(tx: Transaction, chat_id: str, document: Document, *, touch: bool) -> None:
    current_id = document.opening_message_id
    await chats_store.update_document(
        tx, chat_id, document=await document.encode_stored(), current_id=current_id, touch=touch
    )


async def change_document(
    db: Database, chat_id: str, change: Callable[[Document], R], *, touch: bool = True
) -> R | None:
    """Change a chat's document in one transaction, and return what `change` returns; None if there is no such chat.

    `change` must not await anything.
    """
    async with _change_chat(db, chat_id) as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            return None
        document = await Document.load(db, row.chat)
        result = await document.run(change, document)
        await _save_document(tx, chat_id, document, touch=touch)
        return result


async def edit_message(
    db: Database,
    chat_id: str,
    message_id: str,
    edit: Callable[[Document], Message | None],
    *,
    touch: bool = True,
    repair: bool = True,
    is_large: bool = False,
) -> Message | None:
    """Change one message in the document and in its row, and return the whole message.

    `edit` changes the document and returns the changed message; it must not await anything. The result is None if there
    is no such chat, or `edit` returns None. `repair` repairs the chat's links first, which decodes every message.
    `is_large` says that the message is.
    """
    async with _change_chat(db, chat_id, is_large=is_large) as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            return None
        document = await Document.load(db, row.chat)
        document.is_large |= is_large
        if repair:
            await document.run(document.repair_links)
        message = await document.run(edit, document)
        if message is not None:
            await _save_document(tx, chat_id, document, touch=touch)
            await message_store.upsert_message(
                tx, chat_id, message_id, row.user_id, message, in_thread=document.is_large
            )
        return message


async def save_message(
    db: Database,
    chat_id: str,
    message_id: str,
    patch: Message,
    *,
    statuses: Sequence[dict[str, Any]] = (),
    touch: bool = True,
    repair: bool = False,
    is_unfinished: bool = False,
) -> Message | None:
    """Add or change one message in the document and in its row; return the whole message, or None without the chat.

    `statuses` are appended to the status history that the page shows above the message. `is_unfinished`: the message is
    an answer that the caller is writing.

    Raises:
        AnswerEnded: with `is_unfinished`; another process has ended the answer.
    """
    added_statuses = list(statuses)

    def edit(document: Document) -> Message:
        if is_unfinished:
            _require_unfinished(document, message_id, patch)
        if not added_statuses:
            return document.upsert_message(message_id, patch)
        stored = (document.find_message(message_id) or {}).get("statusHistory")
        history = [*(stored if isinstance(stored, list) else []), *added_statuses]
        return document.upsert_message(message_id, {**patch, "statusHistory": history})

    is_large = len(added_statuses) > MANY_STATUSES or is_large_value(patch)
    return await edit_message(db, chat_id, message_id, edit, touch=touch, repair=repair, is_large=is_large)


def _require_unfinished(document: Document, message_id: str, patch: Message) -> None:
    """Check that an answer is not done, unless by this patch, whose success its writer did not hear of.

    Raises:
        AnswerEnded: it is.
    """
    stored = document.find_message(message_id)
    if stored is None or stored.get("done") is not True:
        return
    if not patch.get("done") or any(stored.get(name) != patch.get(name) for name in ("content", "error")):
        raise AnswerEnded


async def add_statuses(db: Database, chat_id: str, message_id: str, statuses: Sequence[dict[str, Any]]) -> None:
    """Append entries to the status history of an answer, in its row alone.

    The next `save_message` updates the document: writing all of it now would delay the first word of the answer.
    """
    await message_store.append_statuses(db, chat_id, message_id, statuses)


async def save_progress(
    db: Database, chat_id: str, message_id: str, content: str, output: list[dict[str, Any]]
) -> None:
    """Store the state of a streaming answer, in its row alone.

    Raises:
        AnswerEnded: another process has ended it.
    """
    is_large = is_large_value(output)
    if not await message_store.save_progress(
        db, chat_id, message_id, content=content, output=output, is_large=is_large
    ):
        raise AnswerEnded


async def insert_turn(
    db: Database,
    *,
    chat_id: str,
    user_id: str,
    user_name: str,
    user_message: Message,
    answers: list[dict[str, Any]],
    task_ids: dict[str, str],
    models: list[str] | None,
    files: list[Any] | None,
    variables: dict[str, Any] | None,
) -> InsertedTurn:
    """Insert a question and its empty answers into a chat.

    `answers` holds `{model_id, message_id, modelIdx?}`; `task_ids` the task of each answer by message id. `models`,
    `files` and `variables` are stored in the chat if the user owns it (None: left as they are). The result also
    contains the parent of the question.

    Raises:
        NotFound: there is no such chat. Conflict: an id is missing, repeated or taken, or the parent is missing.
        Forbidden: the message to answer is not a question.
    """
    is_large = is_large_value(user_message)
    async with _change_chat(db, chat_id, is_large=is_large) as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            raise NotFound("Chat not found.")
        document = await Document.load(db, row.chat)
        document.is_large |= is_large
        turn = await document.run(
            place_turn, document, row.user_id, user_id, user_name, user_message, answers, task_ids
        )
        if row.user_id == user_id:
            if models is not None:
                document.set_field("models", models)
            if files is not None:
                document.set_field("files", files)
        await _save_document(tx, chat_id, document, touch=True)
        if row.user_id == user_id and variables is not None:
            await chats_store.set_variables_in(tx, chat_id, variables)
        await message_store.upsert_messages(tx, chat_id, row.user_id, turn.messages)
    parent_id = (turn.messages.get(str(user_message.get("id"))) or {}).get("parentId")
    if parent_id and (parent := document.find_message(parent_id)) is not None:
        turn.messages[parent_id] = parent
    return turn


async def load_conversation(db: Database, chat_id: str, message_id: str) -> list[Message]:
    """Return the messages from the root down to `message_id`: from the rows, or the document if rows are missing."""
    in_thread = await chats_store.is_large(db, chat_id)
    stored_messages = await message_store.find_conversation(db, chat_id, message_id, in_thread=in_thread)
    if stored_messages is not None:
        return stored_messages
    document = await _find_document(db, chat_id)
    if document is None:
        return []
    return list(walk_to_root(message_id, document.find_message))[::-1]


async def find_message(db: Database, chat_id: str, message_id: str) -> Message | None:
    """Return a message from the document, or None."""
    document = await _find_document(db, chat_id)
    return None if document is None else document.find_message(message_id)


async def _find_document(db: Database, chat_id: str) -> Document | None:
    row = await db.fetch_first(_StoredDocument, "turns.find_document", FIND_DOCUMENT[db.dialect], id=chat_id)
    if row is None:
        return None
    return await Document.load(db, await chats_store.complete_document(db, chat_id, row.chat))
