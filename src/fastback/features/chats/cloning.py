"""Copies of chats: whole ones, one branch of one, and those of what others share."""

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

#: States of a tool call that somebody has still to decide on.
_WAITING = frozenset({"pending", "queued", "requires_approval"})


def _copy_document(chat: ChatPage, document: Document, title: str | None) -> Document:
    tree = document.get("history")
    return {
        **document,
        "originalChatId": chat.id,
        "branchPointMessageId": tree.get("currentId") if isinstance(tree, dict) else None,
        "title": title or f"Clone of {chat.title}",
    }


async def clone_chat(chats: ChatService, chat: ChatPage, user: User, title: str | None) -> str:
    """A chat of the user once more, with all that belongs to it; its id."""
    opened = OpenDocument(bytes(chat.chat))
    opened.repair_links()
    wanted = ImportedChat(
        _copy_document(chat, msgspec.json.decode(opened.encode()), title),
        variables=msgspec.json.decode(chat.variables),
        meta=msgspec.json.decode(chat.meta),
        pinned=chat.pinned,
        folder_id=chat.folder_id,
    )
    return await chats.insert_chat(user, wanted)


async def clone_shared_chat(chats: ChatService, chat: ChatPage, user: User) -> str:
    """A chat of the user's own out of what they are shown of another; its id."""
    owner_id = chat.user_id
    opened = OpenDocument(bytes(chat.chat))
    await visibility.prepare_document(chats.db, chat, user, opened)
    document = _copy_document(chat, msgspec.json.decode(opened.encode()), None)
    visibility.reassign_messages(document, owner_id, user)
    return await chats.insert_chat(
        user, ImportedChat(document, meta=msgspec.json.decode(chat.meta), pinned=chat.pinned)
    )


async def fork_chat(chats: ChatService, chat: ChatPage, user: User, message_id: str | None) -> str:
    """A new chat of the one branch that ends at a message; its id.

    Raises:
        Conflict: an answer is still being written. BadRequest, NotFound: there is nothing to fork.
    """
    is_snapshot = chat.id == chat.share_id
    if not is_snapshot and chats.tasks.list_group_ids(chat.id):
        raise Conflict("Wait for the current response to finish before forking.")
    opened = OpenDocument(bytes(chat.chat))
    opened.repair_links()
    document: Document = msgspec.json.decode(opened.encode())
    known = document.get("history") or {}
    messages = {key: one for key, one in (known.get("messages") or {}).items() if isinstance(one, dict)}
    authors = {key: one.get("user") for key, one in messages.items()}
    if not is_snapshot:
        # Rows hold what was written last; a share shows its picture alone, not what came after.
        messages = await message_store.load_messages(chats.db, chat.id) or messages
    source = message_id or chat.current_message_id or known.get("currentId")
    if not source:
        raise BadRequest("chat has no messages to fork")
    try:
        tree, listed = message_tree.extract_branch(messages, source)
    except ValueError as error:
        raise (NotFound if str(error) == "message not found" else BadRequest)(str(error)) from None
    for message in listed:
        author = authors.get(message["id"])
        if isinstance(author, dict) and author.get("id") == message.get("user_id"):
            message["user"] = author
        if message.get("role") == "assistant" and message.get("done") is False and not _is_waiting(message):
            message["done"] = True
    return await chats.insert_chat(user, await _build_fork(chats, chat, user, document, source, tree, listed))


def _is_waiting(message: Document) -> bool:
    """Whether an unfinished answer waits for somebody's decision on a tool call; any other is simply over."""
    output = message.get("output")
    return isinstance(output, list) and any(
        isinstance(one, dict) and one.get("type") == "function_call" and one.get("status") in _WAITING for one in output
    )


async def _build_fork(
    chats: ChatService,
    chat: ChatPage,
    user: User,
    document: Document,
    source: str,
    tree: Document,
    listed: list[Document],
) -> ImportedChat:
    owner_id = chat.user_id
    own = owner_id == user.id
    for key in ("currentId", "share_mode"):
        document.pop(key, None)
    document |= {
        "originalChatId": chat.id,
        "branchPointMessageId": source,
        "title": f"{chat.title} (fork)",
        "history": tree,
        "messages": listed,
    }
    meta: Document = (msgspec.json.decode(chat.meta) or {}) if own else {}
    variables = msgspec.json.decode(chat.variables) if own else {}
    if not own:
        opened = OpenDocument(msgspec.json.encode(document))
        await visibility.prepare_document(chats.db, chat, user, opened)
        document = msgspec.json.decode(opened.encode())
        visibility.reassign_messages(document, owner_id, user)
    return ImportedChat(
        document,
        variables=variables,
        meta={**meta, "forked_from": chat.id, "forked_from_message_id": source},
        folder_id=chat.folder_id if own else None,
        pinned=chat.pinned if own else False,
    )
