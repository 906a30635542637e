"""The view of a chat that a user may see: with the authors of its messages, without what is private to its owner."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.chats.document import Document, Message, Outline
from fastback.features.chats.messages import message_tree
from fastback.features.chats.store import ChatPage
from fastback.kit.db import Executor
from fastback.records.listing import load_user_summaries

#: The fields of a document that only its owner may see.
PRIVATE_FIELDS = ("params", "tool_servers", "tool_ids", "filter_ids", "variables")

Author = dict[str, Any]


def get_author_id(message: Any, owner_id: str) -> str:
    """Return the author of a message: the user that it names, else the chat's owner."""
    if message.get("user_id"):
        return str(message["user_id"])
    author = message.get("user")
    return str((author.get("id") if isinstance(author, dict) else None) or owner_id)


async def prepare_document(db: Executor, chat: ChatPage, user: User | None, document: Document) -> bool:
    """Change a chat's document in place to what `user` (None: a visitor) may see; return whether that changed anything.

    Questions get the names of their authors, even if the document has none. The `meta` of a message is private to its
    author; the owner's parameters and `chat.variables` are private to the owner.
    """
    outlines = await document.run(document.decode_outlines)
    changed = await document.run(document.repair_links, outlines)
    old_messages = await document.run(_list_old_messages, document)
    authors = await _load_authors(db, [*outlines.values(), *old_messages], chat.user_id)
    changed = await document.run(_change_messages, document, outlines, chat.user_id, user, authors) or changed
    old_changes = [_find_changes(message, chat.user_id, user, authors) for message in old_messages]
    if any(old_changes):
        pairs = zip(old_messages, old_changes, strict=True)
        changed_messages = [_apply_changes(message, changes or {}) for message, changes in pairs]
        await document.run(document.set_field, "messages", changed_messages)
        changed = True
    if user is None or chat.user_id != user.id:
        chat.variables = msgspec.Raw(b"{}")
        for name in PRIVATE_FIELDS:
            changed = document.fields.pop(name, None) is not None or changed
    return changed


def _change_messages(
    document: Document, outlines: dict[str, Outline], owner_id: str, user: User | None, authors: dict[str, Author]
) -> bool:
    """Change the messages to what a user may see; return whether that changed any."""
    is_changed = False
    for message_id, outline in outlines.items():
        changes = _find_changes(outline, owner_id, user, authors)
        message = document.find_message(message_id) if changes else None
        if changes and message is not None:
            document.put_message(message_id, _apply_changes(message, changes))
            is_changed = True
    return is_changed


class _History(msgspec.Struct):
    messages: dict[str, Outline] = {}
    currentId: Any = None  # noqa: N815 (as the document spells it)


class _Glance(msgspec.Struct):
    """The parts of a document that decide whether it must change before it is shown."""

    history: _History = msgspec.field(default_factory=_History)
    messages: list[Outline] = []
    share_mode: Any = msgspec.UNSET


_glance = msgspec.json.Decoder(_Glance)


def can_show_as_stored(content: bytes, user: User) -> bool:
    """Return whether a user's own chat can be shown as it is stored, which is nearly always so.

    Reads the document once, without decoding its texts.
    """
    try:
        glance = _glance.decode(content)
    except msgspec.MsgspecError:
        return False
    if glance.share_mode is not msgspec.UNSET:
        return False
    messages: Any = glance.history.messages
    authors: dict[str, Any] = {}
    for message in [*messages.values(), *glance.messages]:
        author_id = message.get("user_id") or user.id
        if message.get("role") == "user":
            author = message.get("user")
            if not isinstance(author, dict) or not message.get("user_id") or author.get("id") != author_id:
                return False
            if len(author) != 2 or not author.get("name") or authors.setdefault(author_id, author) != author:
                return False
        if "meta" in message and author_id != user.id:
            return False
    if not messages:
        return True
    # If the current message may have lost its place, the slow path decides.
    changed, current_id = message_tree.repair_links(
        messages, glance.history.currentId, lambda _: [{"role": "assistant"}]
    )
    return not changed and current_id == glance.history.currentId


def _list_old_messages(document: Document) -> list[Message]:
    """Return the list of messages that old chats and copies have beside their history."""
    raw = document.fields.get("messages")
    messages = msgspec.json.decode(raw) if raw is not None and bytes(raw) != b"[]" else []
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


async def _load_authors(db: Executor, messages: list[Any], owner_id: str) -> dict[str, Author]:
    """Return the authors of questions by id: `{id, name}` from the last message that names each, else from `user`."""
    authors: dict[str, Author] = {}
    author_ids: set[str] = set()
    for message in messages:
        if message.get("role") != "user":
            continue
        author_id = get_author_id(message, owner_id)
        author_ids.add(author_id)
        author = message.get("user")
        if isinstance(author, dict) and author.get("id") == author_id and author.get("name"):
            authors[author_id] = {"id": author_id, "name": author["name"]}
    missing_ids = author_ids - authors.keys()
    if missing_ids:
        users = await load_user_summaries(db, list(missing_ids))
        for author_id in missing_ids:
            authors[author_id] = {"id": author_id, "name": users[author_id].name if author_id in users else ""}
    return authors


def _find_changes(message: Any, owner_id: str, user: User | None, authors: dict[str, Author]) -> Message | None:
    """Return the fields of a message to set, with `meta` None to remove it; None if the message needs no change."""
    changes: Message = {}
    author_id = message.get("user_id") or owner_id
    if message.get("role") == "user":
        author_id = get_author_id(message, owner_id)
        if message.get("user_id") != author_id:
            changes["user_id"] = author_id
        if message.get("user") != authors[author_id]:
            changes["user"] = authors[author_id]
    if "meta" in message and (user is None or author_id != user.id):
        changes["meta"] = None
    return changes or None


def _apply_changes(message: Message, changes: Message) -> Message:
    """Return the message with the changes."""
    changed = {**message, **changes}
    if "meta" in changes:
        del changed["meta"]
    return changed


def reassign_messages(document: Message, owner_id: str, user: User) -> None:
    """Make the user the author of the owner's messages, in a copy that will belong to the user."""
    history = document.get("history")
    messages = list((history.get("messages") or {}).values()) if isinstance(history, dict) else []
    for message in [*messages, *(document.get("messages") or [])]:
        if isinstance(message, dict) and (message.get("user_id") or owner_id) == owner_id:
            message["user_id"] = user.id
            if message.get("role") == "user":
                message["user"] = {"id": user.id, "name": user.name}
