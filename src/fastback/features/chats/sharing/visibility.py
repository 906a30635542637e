"""A chat as somebody is shown it: who wrote what, and nothing that is its owner's alone."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.chats.document import Document, Message, Outline
from fastback.features.chats.messages import message_tree
from fastback.features.chats.store import ChatPage
from fastback.kit.db import Executor
from fastback.records.listing import load_user_summaries

#: Fields of a document that only its owner sees.
PRIVATE = ("params", "tool_servers", "tool_ids", "filter_ids", "variables")

Author = dict[str, Any]


def get_author_id(message: Any, owner_id: str) -> str:
    """Who wrote a message: it says so, or it was the chat's owner."""
    if message.get("user_id"):
        return str(message["user_id"])
    author = message.get("user")
    return str((author.get("id") if isinstance(author, dict) else None) or owner_id)


async def prepare_document(db: Executor, chat: ChatPage, user: User | None, document: Document) -> bool:
    """Make the open document of a chat what `user` (None: a stranger) may see of it; whether that changed anything.

    Questions name their authors, whatever the chat holds of them; what an author set up for a message (`meta`) is the
    author's alone, and so are the owner's parameters, `chat.variables` among them.
    """
    outlines = document.decode_outlines()
    changed = document.repair_links(outlines)
    listed = _list_old_messages(document)
    authors = await _load_authors(db, [*outlines.values(), *listed], chat.user_id)
    for message_id, outline in outlines.items():
        new = _find_changes(outline, chat.user_id, user, authors)
        message = document.find_message(message_id) if new else None
        if new and message is not None:
            document.put_message(message_id, _apply_changes(message, new))
            changed = True
    news = [_find_changes(one, chat.user_id, user, authors) for one in listed]
    if any(news):
        document.set_field("messages", [_apply_changes(one, new or {}) for one, new in zip(listed, news, strict=True)])
        changed = True
    if user is None or chat.user_id != user.id:
        chat.variables = msgspec.Raw(b"{}")
        for name in PRIVATE:
            changed = document.fields.pop(name, None) is not None or changed
    return changed


class _History(msgspec.Struct):
    messages: dict[str, Outline] = {}
    currentId: Any = None  # noqa: N815 (as the document spells it)


class _Glance(msgspec.Struct):
    """What of a document says whether it must be changed before it is shown."""

    history: _History = msgspec.field(default_factory=_History)
    messages: list[Outline] = []
    share_mode: Any = msgspec.UNSET


_glance = msgspec.json.Decoder(_Glance)


def can_show_as_stored(content: bytes, user: User) -> bool:
    """Whether the document of the user's own chat may be shown as it is stored, which is nearly always so.

    It is read once, its texts skipped.
    """
    try:
        seen = _glance.decode(content)
    except msgspec.MsgspecError:
        return False
    if seen.share_mode is not msgspec.UNSET:
        return False
    messages: Any = seen.history.messages
    authors: dict[str, Any] = {}
    for message in [*messages.values(), *seen.messages]:
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
    # Where a message that lost its place might be current, the slow way decides.
    changed, current_id = message_tree.repair_links(messages, seen.history.currentId, lambda _: [{"role": "assistant"}])
    return not changed and current_id == seen.history.currentId


def _list_old_messages(document: Document) -> list[Message]:
    """The list of messages that old chats, and copies, hold beside their history."""
    raw = document.fields.get("messages")
    found = msgspec.json.decode(raw) if raw is not None and bytes(raw) != b"[]" else []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


async def _load_authors(db: Executor, messages: list[Any], owner_id: str) -> dict[str, Author]:
    """The authors of questions by id: `{id, name}` as the last of their messages names them, or as they are called."""
    found: dict[str, Author] = {}
    wanted: set[str] = set()
    for message in messages:
        if message.get("role") != "user":
            continue
        author_id = get_author_id(message, owner_id)
        wanted.add(author_id)
        author = message.get("user")
        if isinstance(author, dict) and author.get("id") == author_id and author.get("name"):
            found[author_id] = {"id": author_id, "name": author["name"]}
    missing = wanted - found.keys()
    if missing:
        known = await load_user_summaries(db, list(missing))
        for author_id in missing:
            found[author_id] = {"id": author_id, "name": known[author_id].name if author_id in known else ""}
    return found


def _find_changes(message: Any, owner_id: str, user: User | None, authors: dict[str, Author]) -> Message | None:
    """Fields of a message to set, `meta` of None to take out; None where it may stay as it is."""
    new: Message = {}
    author_id = message.get("user_id") or owner_id
    if message.get("role") == "user":
        author_id = get_author_id(message, owner_id)
        if message.get("user_id") != author_id:
            new["user_id"] = author_id
        if message.get("user") != authors[author_id]:
            new["user"] = authors[author_id]
    if "meta" in message and (user is None or author_id != user.id):
        new["meta"] = None
    return new or None


def _apply_changes(message: Message, new: Message) -> Message:
    changed = {**message, **new}
    if "meta" in new:
        del changed["meta"]
    return changed


def reassign_messages(document: Message, owner_id: str, user: User) -> None:
    """Make what the owner of a chat wrote in it the user's, in a copy that is going to be theirs."""
    tree = document.get("history")
    messages = list((tree.get("messages") or {}).values()) if isinstance(tree, dict) else []
    for message in [*messages, *(document.get("messages") or [])]:
        if isinstance(message, dict) and (message.get("user_id") or owner_id) == owner_id:
            message["user_id"] = user.id
            if message.get("role") == "user":
                message["user"] = {"id": user.id, "name": user.name}
