"""The writes of a chat turn: the chat, its two messages, the answer as it grows, in both stores.

A change of the document reads, changes and writes in one transaction; while an answer streams only its row in
`chat_message` grows, at a cost that does not depend on the chat's length, and the document follows at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from fastback.features.chats.document import Document, Message, remove_nul_characters
from fastback.features.chats.messages import store as message_store
from fastback.kit.db import Database, Executor
from fastback.kit.http.errors import Conflict, Forbidden, NotFound

R = TypeVar("R")


class TurnChat(msgspec.Struct):
    """What a turn must know of a chat before it starts."""

    id: str
    user_id: str
    title: str
    folder_id: str | None
    variables: dict[str, Any] | None
    meta: dict[str, Any] | None


class InsertedTurn(msgspec.Struct):
    """A question and its answers, as they were put into the chat."""

    messages: dict[str, Message]
    current_id: str | None


class _StoredDocument(msgspec.Struct):
    user_id: str
    chat: msgspec.Raw


class _Statuses(msgspec.Struct):
    status_history: list[Any] | None


async def find_chat(db: Executor, chat_id: str) -> TurnChat | None:
    """The chat without its document."""
    return await db.fetch_first(
        TurnChat,
        "turns.head",
        "SELECT id, user_id, title, folder_id, variables, meta FROM chat WHERE id = :chat_id",
        chat_id=chat_id,
    )


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
    """Create a chat with the messages of its document."""
    document = remove_nul_characters(document)
    now = int(time.time())
    history = document.get("history") or {}
    async with db.transaction() as tx:
        await tx.execute(
            "turns.insert_chat",
            """INSERT INTO chat (id, user_id, title, chat, created_at, updated_at, share_id, archived, pinned, meta,
                    variables, folder_id, current_message_id, last_read_at)
               VALUES (:id, :user_id, :title, :chat, :now, :now, NULL, FALSE, FALSE, :meta,
                    :variables, :folder_id, :current_id, :now)""",
            id=chat_id,
            user_id=user_id,
            title=str(document.get("title") or "New Chat"),
            chat=msgspec.json.encode(document).decode(),
            now=now,
            meta=msgspec.json.encode(meta or {}).decode(),
            variables=msgspec.json.encode(variables or {}).decode(),
            folder_id=folder_id,
            current_id=history.get("currentId"),
        )
        await message_store.upsert_messages(tx, chat_id, user_id, history.get("messages") or {})


async def _lock_document(tx: Executor, chat_id: str) -> _StoredDocument | None:
    lock = " FOR UPDATE" if tx.dialect == "postgres" else ""
    return await tx.fetch_first(
        _StoredDocument, "turns.document", f"SELECT user_id, chat FROM chat WHERE id = :chat_id{lock}", chat_id=chat_id
    )


async def _save_document(tx: Executor, chat_id: str, document: Document, *, touch: bool) -> None:
    now = int(time.time())
    await tx.execute(
        "turns.store",
        """UPDATE chat SET chat = :chat, current_message_id = :current_id,
               updated_at = CASE WHEN :touch THEN :now ELSE updated_at END
           WHERE id = :chat_id""",
        chat_id=chat_id,
        chat=document.encode().decode(),
        current_id=document.opening_message_id,
        touch=touch,
        now=now,
    )


async def change_document(db: Database, chat_id: str, act: Callable[[Document], R], *, touch: bool = True) -> R | None:
    """Change a chat's document in one transaction; None when there is no such chat.

    `act` works on the document alone: inside, nothing may be awaited.
    """
    async with db.transaction() as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            return None
        document = Document(bytes(row.chat))
        result = act(document)
        await _save_document(tx, chat_id, document, touch=touch)
        return result


async def edit_message(
    db: Database,
    chat_id: str,
    message_id: str,
    act: Callable[[Document], Message | None],
    *,
    touch: bool = True,
    repair: bool = True,
) -> Message | None:
    """Change one message in both stores; the whole message, or None when the chat is gone or `act` finds none.

    `act` changes the document and answers with the message as it then stands; inside, nothing may be awaited. `repair`
    mends the chat's links before, which looks at every message.
    """
    async with db.transaction() as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            return None
        document = Document(bytes(row.chat))
        if repair:
            document.repair_links()
        message = act(document)
        if message is not None:
            await _save_document(tx, chat_id, document, touch=touch)
            await message_store.upsert_message(tx, chat_id, message_id, row.user_id, message)
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
) -> Message | None:
    """Add or change one message in both stores; the whole message, or None when the chat is gone.

    `statuses` are lines that come behind those above the message which say what was done for it.
    """
    patch = remove_nul_characters(patch)
    lines = remove_nul_characters(list(statuses))

    def act(document: Document) -> Message:
        if not lines:
            return document.upsert_message(message_id, patch)
        known = (document.find_message(message_id) or {}).get("statusHistory")
        history = [*(known if isinstance(known, list) else []), *lines]
        return document.upsert_message(message_id, {**patch, "statusHistory": history})

    return await edit_message(db, chat_id, message_id, act, touch=touch, repair=repair)


async def add_status(db: Database, chat_id: str, message_id: str, status: dict[str, Any]) -> None:
    """Put a line behind those above an answer that say what was done for it, into the answer's row alone.

    The first word would have to wait for the writing of a whole document, which follows with the next `save_message`.
    """
    row_id = f"{chat_id}-{message_id}"
    text = "SELECT status_history FROM chat_message WHERE id = :id"
    row = await db.fetch_first(_Statuses, "turns.statuses", text, id=row_id)
    if row is None:
        return
    await db.execute(
        "turns.add_status",
        "UPDATE chat_message SET status_history = :lines WHERE id = :id",
        id=row_id,
        lines=msgspec.json.encode([*(row.status_history or []), remove_nul_characters(status)]).decode(),
    )


async def save_progress(
    db: Database, chat_id: str, message_id: str, content: str, output: list[dict[str, Any]]
) -> None:
    """Write how far an answer has come, into its row alone."""
    await db.execute(
        "turns.progress",
        "UPDATE chat_message SET content = :content, output = :output, updated_at = :now WHERE id = :id",
        id=f"{chat_id}-{message_id}",
        content=msgspec.json.encode(remove_nul_characters(content)).decode(),
        output=msgspec.json.encode(remove_nul_characters(output)).decode(),
        now=int(time.time()),
    )


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
    """Put a question and the places of its answers into a chat.

    `answers` holds `{model_id, message_id, modelIdx?}`; `task_ids` the task of each answer by message id. `models`,
    `files` and `variables` are remembered in the chat when its owner asks (None: left alone).

    Raises:
        NotFound: no such chat. Conflict: ids missing, doubled or taken; the parent is gone.
        Forbidden: an answer to something that is no question.
    """
    async with db.transaction() as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            raise NotFound("Chat not found.")
        document = Document(bytes(row.chat))
        turn = _place_turn(
            document, row.user_id, user_id, user_name, remove_nul_characters(user_message), answers, task_ids
        )
        if row.user_id == user_id:
            if models is not None:
                document.set_field("models", models)
            if files is not None:
                document.set_field("files", files)
        await _save_document(tx, chat_id, document, touch=True)
        if row.user_id == user_id and variables is not None:
            await tx.execute(
                "turns.variables",
                "UPDATE chat SET variables = :variables WHERE id = :chat_id",
                chat_id=chat_id,
                variables=msgspec.json.encode(variables).decode(),
            )
        await message_store.upsert_messages(tx, chat_id, row.user_id, turn.messages)
    parent_id = (turn.messages.get(str(user_message.get("id"))) or {}).get("parentId")
    if parent_id and (parent := document.find_message(parent_id)) is not None:
        turn.messages[parent_id] = parent
    return turn


def _place_turn(
    document: Document,
    owner_id: str,
    user_id: str,
    user_name: str,
    user_message: Message,
    answers: list[dict[str, Any]],
    task_ids: dict[str, str],
) -> InsertedTurn:
    question_id = user_message.get("id") if user_message else None
    ids = [one.get("message_id") for one in answers]
    everything = [question_id, *ids] if user_message else ids
    if not all(isinstance(one, str) and one for one in everything) or len(set(everything)) != len(everything):
        raise Conflict("Message already exists or has an invalid ID.")
    for message_id in ids:
        prepared = document.find_message(str(message_id))
        if prepared and (
            prepared.get("role") != "assistant"
            or prepared.get("done")
            or prepared.get("content")
            or prepared.get("output")
            or (prepared.get("user_id") or owner_id) != user_id
            or (user_message and prepared.get("parentId") != question_id)
        ):
            raise Conflict("Message already exists or has an invalid ID.")
    messages: dict[str, Message] = {}
    if user_message and isinstance(question_id, str):
        messages[question_id] = document.upsert_message(
            question_id, _build_question(document, owner_id, user_id, user_name, user_message, question_id)
        )
    for one in answers:
        message_id = str(one["message_id"])
        messages[message_id] = document.upsert_message(
            message_id,
            {
                "id": message_id,
                "parentId": question_id,
                "childrenIds": [],
                "role": "assistant",
                "content": "",
                "done": False,
                "model": one.get("model_id"),
                "modelIdx": one.get("modelIdx"),
                "timestamp": int(time.time()),
                "user_id": user_id,
                "meta": {"task_id": task_ids[message_id]},
            },
        )
    return InsertedTurn(messages, document.current_id)


def _build_question(
    document: Document, owner_id: str, user_id: str, user_name: str, user_message: Message, question_id: str
) -> Message:
    known = document.find_message(question_id)
    if known is not None:
        if known.get("role") != "user":
            raise Forbidden("You can only regenerate replies to user messages.")
        if "models" in user_message and (known.get("user_id") or owner_id) == user_id:
            return {**known, "models": user_message["models"]}
        return known
    parent_id = user_message.get("parentId")
    if parent_id is not None and parent_id not in document.messages:
        raise Conflict("Parent message no longer exists.")
    if owner_id == user_id:
        message = dict(user_message)
    else:
        message = {key: user_message[key] for key in ("content", "files", "models") if key in user_message}
    message.update(
        id=question_id,
        parentId=parent_id,
        role="user",
        childrenIds=[],
        timestamp=int(time.time()),
        user_id=user_id,
        user={"id": user_id, "name": user_name},
    )
    return message


async def load_conversation(db: Database, chat_id: str, message_id: str) -> list[Message]:
    """The messages from the first down to `message_id`: from the rows, or from the document where rows are missing."""
    found = await message_store.find_conversation(db, chat_id, message_id)
    if found is not None:
        return found
    row = await db.fetch_first(
        _StoredDocument, "turns.conversation", "SELECT user_id, chat FROM chat WHERE id = :chat_id", chat_id=chat_id
    )
    if row is None:
        return []
    document = Document(bytes(row.chat))
    messages: list[Message] = []
    seen: set[str] = set()
    current: Any = message_id
    while isinstance(current, str) and current not in seen:
        seen.add(current)
        message = document.find_message(current)
        if message is None:
            break
        messages.append(message)
        current = message.get("parentId")
    messages.reverse()
    return messages


async def find_message(db: Database, chat_id: str, message_id: str) -> Message | None:
    """One message as the document holds it."""
    row = await db.fetch_first(
        _StoredDocument, "turns.message", "SELECT user_id, chat FROM chat WHERE id = :chat_id", chat_id=chat_id
    )
    return None if row is None else Document(bytes(row.chat)).find_message(message_id)


async def get_title(db: Database, chat_id: str) -> str:
    found = await db.fetch_value("turns.title", "SELECT title FROM chat WHERE id = :chat_id", chat_id=chat_id)
    return str(found) if found is not None else "New Chat"


async def set_title(db: Database, chat_id: str, text: str) -> None:
    """Name a chat, in its row and in its document; the order of the list stays."""
    text = remove_nul_characters(text)
    async with db.transaction() as tx:
        row = await _lock_document(tx, chat_id)
        if row is None:
            return
        document = Document(bytes(row.chat))
        document.set_field("title", text)
        await tx.execute(
            "turns.set_title",
            "UPDATE chat SET title = :title, chat = :chat WHERE id = :chat_id",
            chat_id=chat_id,
            title=text,
            chat=document.encode().decode(),
        )
