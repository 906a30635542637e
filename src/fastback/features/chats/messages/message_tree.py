"""The tree of messages in a chat's document: `{currentId, messages: {id: {parentId, childrenIds, …}}}`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Message = dict[str, Any]
Messages = dict[str, Message]
History = dict[str, Any]


def find_current_id(chat: dict[str, Any]) -> str | None:
    """The message a chat's document is opened at."""
    history = chat.get("history")
    current = history.get("currentId") if isinstance(history, dict) else None
    current = current or chat.get("currentId") or chat.get("branchPointMessageId")
    if isinstance(current, str):
        return current
    for message in reversed(chat.get("messages") or []):
        if isinstance(message, dict) and message.get("id"):
            return str(message["id"])
    return None


def get_messages(chat: dict[str, Any]) -> Messages:
    """The messages of a document by id, from its history or (old chats) its list."""
    history = chat.get("history")
    found = history.get("messages") if isinstance(history, dict) else None
    if isinstance(found, dict) and found:
        return {key: one for key, one in found.items() if isinstance(one, dict)}
    listed = chat.get("messages")
    return {
        str(one["id"]): one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("id")
    }


def merge_histories(existing: History | None, incoming: History | None) -> History:
    """Both histories together: messages saved since the incoming one was read survive it; children follow parents."""
    existing, incoming = existing or {}, incoming or {}
    both = {**(existing.get("messages") or {}), **(incoming.get("messages") or {})}
    merged: Messages = {key: {**one, "childrenIds": []} for key, one in both.items() if isinstance(one, dict)}
    for message_id, message in merged.items():
        parent = merged.get(message.get("parentId") or "")
        if parent is not None:
            parent["childrenIds"].append(message_id)
    current = incoming.get("currentId")
    if current not in merged:
        current = existing.get("currentId")
    return {**existing, **incoming, "messages": merged, "currentId": current if current in merged else None}


def _get_child_ids(message: Any) -> list[Any]:
    found = message.get("childrenIds") if isinstance(message, dict) else None
    return found if isinstance(found, list) else []


def repair_links(messages: Messages, current_id: Any, output_of: Callable[[str], Any]) -> tuple[set[str], Any]:
    """Mend what half-written chats look like: parents learn of their children, the chat opens at the end of a branch.

    `messages` are changed in place: their fields id, role, parentId, childrenIds and timestamp count; `output_of` gives
    a message's items. Answers with the ids of the messages that were changed, and where the chat opens.
    """
    changed: set[str] = set()
    for message_id, message in messages.items():
        parent_id = message.get("parentId") if isinstance(message, dict) else None
        parent = messages.get(parent_id) if isinstance(parent_id, str) and parent_id else None
        if isinstance(parent, dict) and message_id not in _get_child_ids(parent):
            parent["childrenIds"] = [*_get_child_ids(parent), message_id]
            changed.add(str(parent_id))
    current = messages.get(current_id) if isinstance(current_id, str) else None
    sound = isinstance(current, dict) and current.get("id") and current.get("role")
    if current is not None and sound and not _is_stray(current, len(messages), lambda: output_of(current_id)):
        return changed, _find_last_descendant(messages, current_id)
    leaf: str | None = None
    newest: float = -1
    for message_id, message in messages.items():
        if isinstance(message, dict) and message.get("role") and not _get_child_ids(message):
            at = message.get("timestamp") or 0
            if isinstance(at, (int, float)) and at > newest:
                leaf, newest = message_id, at
    return changed, leaf or current_id


def _is_stray(message: Message, count: int, output: Callable[[], Any]) -> bool:
    """Whether this is an answer that lost its place: without parent and time, beside other messages."""
    if message.get("parentId") is not None or message.get("timestamp") or count < 2:
        return False
    items = output()
    roles = [one["role"] for one in items if isinstance(one, dict) and one.get("role")] if items else []
    return bool(roles) and roles[0] == "assistant"


def _find_last_descendant(messages: Messages, start: str) -> str:
    """The end of the newest branch below a message, as far as its links hold."""
    current, seen = start, {start}
    while True:
        for child_id in reversed(_get_child_ids(messages[current])):
            child = messages.get(child_id) if isinstance(child_id, str) and child_id not in seen else None
            if (
                isinstance(child, dict)
                and child.get("id") == child_id
                and child.get("role")
                and child.get("parentId") == current
            ):
                current = child_id
                seen.add(child_id)
                break
        else:
            return current


def remove_message(history: History, message_id: str) -> set[str]:
    """Take out a message and its answers; what followed them hangs on its parent. The ids that are gone."""
    messages: Messages = history.get("messages") or {}
    message = messages.get(message_id)
    if not isinstance(message, dict):
        return set()
    parent_id = message.get("parentId")
    children = [one for one in message.get("childrenIds") or [] if one in messages]
    grandchildren = [one for child in children for one in messages[child].get("childrenIds") or [] if one in messages]
    parent = messages.get(parent_id or "")
    if parent is not None:
        parent["childrenIds"] = [one for one in parent.get("childrenIds") or [] if one != message_id] + grandchildren
    for one in grandchildren:
        messages[one]["parentId"] = parent_id
    gone = {message_id, *children}
    for one in gone:
        messages.pop(one, None)
    history["currentId"] = _find_last_below(messages, parent_id)
    return gone


def _find_last_below(messages: Messages, start: str | None) -> str | None:
    """The end of the newest branch below a message, or of the newest root."""
    current = start
    below = (
        [key for key, one in messages.items() if one.get("parentId") is None]
        if current is None
        else (messages.get(current) or {}).get("childrenIds") or []
    )
    seen: set[str] = set()
    while below and below[-1] not in seen:
        current = below[-1]
        seen.add(str(current))
        below = (messages.get(str(current)) or {}).get("childrenIds") or []
    return current if current in messages else None


def extract_branch(messages: Messages, last_id: str) -> tuple[History, list[Message]]:
    """The one branch that ends at a message, as a history of its own, and its messages in order.

    Raises:
        ValueError: nothing to fork, no such message, or a circle; the text is what a client reads.
    """
    if not messages:
        raise ValueError("chat has no messages to fork")
    path: list[str] = []
    current: Any = last_id
    while current:
        if current in path:
            raise ValueError("message branch contains a cycle")
        if not isinstance(messages.get(current), dict):
            raise ValueError("message not found")
        path.append(current)
        current = messages[current].get("parentId")
    found: Messages = {}
    parent: str | None = None
    for message_id in reversed(path):
        copied = deepcopy(messages[message_id])
        copied |= {"id": message_id, "parentId": parent, "childrenIds": []}
        if parent:
            found[parent]["childrenIds"] = [message_id]
        found[message_id] = copied
        parent = message_id
    return {"messages": found, "currentId": last_id}, list(found.values())


def set_authors(chat: dict[str, Any], user_id: str, user_name: str) -> None:
    """Say of every message in a client's document that the client's user wrote it."""
    listed = chat.get("messages")
    for message in [*get_messages(chat).values(), *(listed if isinstance(listed, list) else [])]:
        if not isinstance(message, dict):
            continue
        message["user_id"] = user_id
        if message.get("role") == "user":
            message["user"] = {"id": user_id, "name": user_name}


def walk_to_root(last_id: Any, find_message: Callable[[str], Message | None]) -> Iterator[Message]:
    """Yield the messages of a branch from its end to its root.

    The walk ends at a parent that does not exist, and where the links run in a circle. `find_message` is called for
    each message when the walk comes to it.
    """
    seen: set[str] = set()
    message_id = last_id
    while isinstance(message_id, str) and message_id not in seen:
        seen.add(message_id)
        message = find_message(message_id)
        if message is None:
            return
        yield message
        message_id = message.get("parentId")
