"""Copies of chats: whole chats, shared chats, and single branches."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.chats.document import Document as OpenDocument
from fastback.features.chats.messages import message_tree
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.schemas import ImportedChat
from fastback.features.chats.service import ChatService
from fastback.features.chats.sharing import visibility
from fastback.features.chats.store import ChatPage
from fastback.kit.http.errors import BadRequest, Conflict, NotFound

Document = dict[str, Any]

#: The states of a tool call that waits for a user's decision.
_WAITING = frozenset({"pending", "queued", "requires_approval"})


def _copy_document(chat: ChatPage, document: Document, title: str | None) -> Document:
    """Return a copy of a document that names its original."""
    tree = document.get("history")
    return {
        **document,
        "originalChatId": chat.id,
        "branchPointMessageId": tree.get("currentId") if isinstance(tree, dict) else None,
        "title": title or f"Clone of {chat.title}",
    }


async def clone_chat(chats: ChatService, chat: ChatPage, user: User, title: str | None) -> str:
    """Copy a chat of the user with everything that belongs to it, and return the id of the copy."""
    opened = await OpenDocument.load(chats.db, chat.chat)
    await opened.run(opened.repair_links)
    form = ImportedChat(
        _copy_document(chat, await opened.run(opened.decode), title),
        variables=msgspec.json.decode(chat.variables),
        meta=msgspec.json.decode(chat.meta),
        pinned=chat.pinned,
        folder_id=chat.folder_id,
    )
    return await chats.insert_chat(user, form)


async def clone_shared_chat(chats: ChatService, chat: ChatPage, user: User) -> str:
    """Copy what the user sees of another user's chat into a chat of their own, and return its id."""
    owner_id = chat.user_id
    opened = await OpenDocument.load(chats.db, chat.chat)
    await visibility.prepare_document(chats.db, chat, user, opened)
    document = _copy_document(chat, await opened.run(opened.decode), None)
    visibility.reassign_messages(document, owner_id, user)
    return await chats.insert_chat(
        user, ImportedChat(document, meta=msgspec.json.decode(chat.meta), pinned=chat.pinned)
    )


async def fork_chat(chats: ChatService, chat: ChatPage, user: User, message_id: str | None) -> str:
    """Create a chat from the branch that ends at a message, and return its id.

    Raises:
        Conflict: an answer is still streaming. BadRequest, NotFound: there is nothing to fork.
    """
    is_snapshot = chat.id == chat.share_id
    if not is_snapshot and chats.tasks.list_group_ids(chat.id):
        raise Conflict("Wait for the current response to finish before forking.")
    opened = await OpenDocument.load(chats.db, chat.chat)
    await opened.run(opened.repair_links)
    source_id = message_id or chat.current_message_id or opened.current_id
    if not source_id:
        raise BadRequest("chat has no messages to fork")
    # The rows have the latest state; a fork of a share must contain its snapshot only.
    rows = {} if is_snapshot else await message_store.load_messages(chats.db, chat.id, in_thread=opened.is_large)
    try:
        history, messages = await opened.run(_extract_branch, opened, rows, source_id)
    except ValueError as error:
        raise (NotFound if str(error) == "message not found" else BadRequest)(str(error)) from None
    return await chats.insert_chat(user, await _build_fork(chats, chat, user, opened, source_id, history, messages))


def _extract_branch(opened: OpenDocument, rows: dict[str, Document], source_id: str) -> tuple[Document, list[Document]]:
    """Return the branch that ends at a message, and its messages, from the rows or without any from the document.

    Raises:
        ValueError: as `message_tree.extract_branch`.
    """
    history, messages = message_tree.extract_branch(rows or opened.decode_messages(), source_id)
    outlines = opened.decode_outlines()
    for message in messages:
        author = outlines.get(message["id"], {}).get("user")
        if isinstance(author, dict) and author.get("id") == message.get("user_id"):
            message["user"] = author
        if message.get("role") == "assistant" and message.get("done") is False and not _is_waiting(message):
            message["done"] = True
    return history, messages


def _is_waiting(message: Document) -> bool:
    """Return whether an unfinished answer waits for a user's decision on a tool call; any other counts as finished."""
    output = message.get("output")
    return isinstance(output, list) and any(
        isinstance(item, dict) and item.get("type") == "function_call" and item.get("status") in _WAITING
        for item in output
    )


async def _build_fork(
    chats: ChatService,
    chat: ChatPage,
    user: User,
    opened: OpenDocument,
    source_id: str,
    history: Document,
    messages: list[Document],
) -> ImportedChat:
    owner_id = chat.user_id
    is_own = owner_id == user.id
    # Fields that are replaced keep their places.
    document: Document = {
        name: None if name in ("history", "messages") else opened.get_field(name)
        for name in opened.fields
        if name not in ("currentId", "share_mode")
    }
    document |= {
        "originalChatId": chat.id,
        "branchPointMessageId": source_id,
        "title": f"{chat.title} (fork)",
        "history": history,
        "messages": messages,
    }
    meta: Document = (msgspec.json.decode(chat.meta) or {}) if is_own else {}
    variables = msgspec.json.decode(chat.variables) if is_own else {}
    if not is_own:
        view = await opened.run(OpenDocument.build, document)
        view.is_large = opened.is_large
        await visibility.prepare_document(chats.db, chat, user, view)
        document = await view.run(view.decode)
        visibility.reassign_messages(document, owner_id, user)
    return ImportedChat(
        document,
        variables=variables,
        meta={**meta, "forked_from": chat.id, "forked_from_message_id": source_id},
        folder_id=chat.folder_id if is_own else None,
        pinned=chat.pinned if is_own else False,
    )
