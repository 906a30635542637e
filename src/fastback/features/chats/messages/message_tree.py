"""The tree of messages in a chat's document: `{currentId, messages: {id: {parentId, childrenIds, …}}}`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Message = dict[str, Any]
Messages = dict[str, Message]
History = dict[str, Any]


def find_current_id(chat: dict[str, Any]) -> str | None:
    """Return the message that a page shows when it opens the document, or None."""
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
    """Return the messages of a document by id: from its history, or from the list of old chats."""
    history = chat.get("history")
    tree = history.get("messages") if isinstance(history, dict) else None
    if isinstance(tree, dict) and tree:
        return {message_id: message for message_id, message in tree.items() if isinstance(message, dict)}
    messages = chat.get("messages")
    return {
        str(message["id"]): message
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and message.get("id")
    }


def merge_histories(existing: History | None, incoming: History | None) -> History:
    """Merge two histories, and rebuild the lists of children.

    Messages that were saved since the client read the incoming history are kept.
    """
    existing, incoming = existing or {}, incoming or {}
    both = {**(existing.get("messages") or {}), **(incoming.get("messages") or {})}
    merged: Messages = {
        message_id: {**message, "childrenIds": []} for message_id, message in both.items() if isinstance(message, dict)
    }
    for message_id, message in merged.items():
        parent = merged.get(message.get("parentId") or "")
        if parent is not None:
            parent["childrenIds"].append(message_id)
    current_id = incoming.get("currentId")
    if current_id not in merged:
        current_id = existing.get("currentId")
    return {**existing, **incoming, "messages": merged, "currentId": current_id if current_id in merged else None}


def _get_child_ids(message: Any) -> list[Any]:
    child_ids = message.get("childrenIds") if isinstance(message, dict) else None
    return child_ids if isinstance(child_ids, list) else []


def repair_links(messages: Messages, current_id: Any, output_of: Callable[[str], Any]) -> tuple[set[str], Any]:
    """Repair an incomplete tree: list every child in its parent, and move the current message to the end of its branch.

    `messages` are changed in place; only their fields id, role, parentId, childrenIds and timestamp matter. `output_of`
    returns a message's output items. Returns the ids of the changed messages, and the current message.
    """
    changed: set[str] = set()
    for message_id, message in messages.items():
        parent_id = message.get("parentId") if isinstance(message, dict) else None
        parent = messages.get(parent_id) if isinstance(parent_id, str) and parent_id else None
        if isinstance(parent, dict) and message_id not in _get_child_ids(parent):
            parent["childrenIds"] = [*_get_child_ids(parent), message_id]
            changed.add(str(parent_id))
    current = messages.get(current_id) if isinstance(current_id, str) else None
    is_valid = isinstance(current, dict) and current.get("id") and current.get("role")
    if current is not None and is_valid and not _is_stray(current, len(messages), lambda: output_of(current_id)):
        return changed, _find_last_descendant(messages, current_id)
    leaf: str | None = None
    newest: float = -1
    for message_id, message in messages.items():
        if isinstance(message, dict) and message.get("role") and not _get_child_ids(message):
            timestamp = message.get("timestamp") or 0
            if isinstance(timestamp, (int, float)) and timestamp > newest:
                leaf, newest = message_id, timestamp
    return changed, leaf or current_id


def _is_stray(message: Message, count: int, output: Callable[[], Any]) -> bool:
    """Return whether an answer lost its place: it has neither parent nor time, and there are other messages."""
    if message.get("parentId") is not None or message.get("timestamp") or count < 2:
        return False
    items = output()
    roles = [item["role"] for item in items if isinstance(item, dict) and item.get("role")] if items else []
    return bool(roles) and roles[0] == "assistant"


def _find_last_descendant(messages: Messages, start: str) -> str:
    """Return the end of the newest branch below a message, following valid links only."""
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
    """Remove a message and its answers, attach what follows them to its parent, and return the removed ids."""
    messages: Messages = history.get("messages") or {}
    message = messages.get(message_id)
    if not isinstance(message, dict):
        return set()
    parent_id = message.get("parentId")
    child_ids = [child_id for child_id in message.get("childrenIds") or [] if child_id in messages]
    grandchild_ids = [
        grandchild_id
        for child_id in child_ids
        for grandchild_id in messages[child_id].get("childrenIds") or []
        if grandchild_id in messages
    ]
    parent = messages.get(parent_id or "")
    if parent is not None:
        sibling_ids = [sibling_id for sibling_id in parent.get("childrenIds") or [] if sibling_id != message_id]
        parent["childrenIds"] = sibling_ids + grandchild_ids
    for grandchild_id in grandchild_ids:
        messages[grandchild_id]["parentId"] = parent_id
    removed_ids = {message_id, *child_ids}
    for removed_id in removed_ids:
        messages.pop(removed_id, None)
    history["currentId"] = _find_last_below(messages, parent_id)
    return removed_ids


def _find_last_below(messages: Messages, start: str | None) -> str | None:
    """Return the end of the newest branch below a message, or of the newest root."""
    current = start
    child_ids = (
        [message_id for message_id, message in messages.items() if message.get("parentId") is None]
        if current is None
        else (messages.get(current) or {}).get("childrenIds") or []
    )
    seen: set[str] = set()
    while child_ids and child_ids[-1] not in seen:
        current = child_ids[-1]
        seen.add(str(current))
        child_ids = (messages.get(str(current)) or {}).get("childrenIds") or []
    return current if current in messages else None


def extract_branch(messages: Messages, last_id: str) -> tuple[History, list[Message]]:
    """Return the branch that ends at a message, as a history of its own, and its messages in order.

    Raises:
        ValueError: there is nothing to fork, no such message, or a cycle; clients read the text.
    """
    if not messages:
        raise ValueError("chat has no messages to fork")
    path: dict[str, None] = {}
    current: Any = last_id
    while current:
        if current in path:
            raise ValueError("message branch contains a cycle")
        if not isinstance(messages.get(current), dict):
            raise ValueError("message not found")
        path[current] = None
        current = messages[current].get("parentId")
    branch: Messages = {}
    parent: str | None = None
    for message_id in reversed(path):
        copied = {**messages[message_id], "id": message_id, "parentId": parent, "childrenIds": []}
        if parent:
            branch[parent]["childrenIds"] = [message_id]
        branch[message_id] = copied
        parent = message_id
    return {"messages": branch, "currentId": last_id}, list(branch.values())


def set_authors(chat: dict[str, Any], user_id: str, user_name: str) -> None:
    """Set the client's user as the author of every message in the client's document."""
    message_list = chat.get("messages")
    for message in [*get_messages(chat).values(), *(message_list if isinstance(message_list, list) else [])]:
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
