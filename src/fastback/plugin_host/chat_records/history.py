"""Functions on the tree of a chat's messages, under the names that plugins call: they change a document in memory."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.rows import ChatRows, get_history
from fastback.plugin_host.record_tables import get_time

Json = dict[str, Any]

#: What a message says about speech, which other changes of its metadata leave as it is.
_VOICE_FIELDS = ("voice", "task_id")


class ChatHistory(ChatRows):
    """Histories: `{"messages": {id: message}, "currentId": id}`."""

    @staticmethod
    def get_current_message_id(chat: Json | None) -> str | None:
        history = (chat or {}).get("history")
        return history.get("currentId") if isinstance(history, dict) else None

    @staticmethod
    def get_unresolved_parent_ids(messages_map: dict[str, Json]) -> set[str]:
        """Return the parents that messages name, and that are missing."""
        parent_ids = {message.get("parentId") for message in messages_map.values()}
        return {parent_id for parent_id in parent_ids if parent_id and parent_id not in messages_map}

    @staticmethod
    def merge_history(existing_history: Json | None, incoming_history: Json | None) -> Json:
        """Return a history with the messages of both; those of the second replace those of the first."""
        existing, incoming = existing_history or {}, incoming_history or {}
        both = {**(existing.get("messages") or {}), **(incoming.get("messages") or {})}
        messages = {id: {**message, "childrenIds": []} for id, message in both.items() if isinstance(message, dict)}
        for id, message in messages.items():
            if message.get("parentId") in messages:
                messages[message["parentId"]]["childrenIds"].append(id)
        current_ids = (history.get("currentId") for history in (incoming, existing))
        current_id = next((id for id in current_ids if id in messages), None)
        return {**existing, **incoming, "messages": messages, "currentId": current_id}

    @staticmethod
    def delete_message_from_history(history: Json, message_id: str) -> set[str]:
        """Delete a message and its children, whose own children move up; return the ids of what was deleted."""
        messages = history.get("messages") or {}
        message = messages.get(message_id)
        if not isinstance(message, dict):
            return set()
        parent_id = message.get("parentId")
        child_ids = _list_children(messages, message_id)
        grandchild_ids = [id for child_id in child_ids for id in _list_children(messages, child_id)]
        if parent_id in messages:
            siblings = messages[parent_id].get("childrenIds") or []
            remaining = [id for id in siblings if id != message_id]
            messages[parent_id]["childrenIds"] = remaining + grandchild_ids
        for id in grandchild_ids:
            messages[id]["parentId"] = parent_id
        deleted_ids = {message_id, *child_ids}
        for id in deleted_ids:
            messages.pop(id, None)
        history["currentId"] = _find_last(messages, parent_id)
        return deleted_ids

    @staticmethod
    def upsert_message_to_history(history: Json, message_id: str, message: Json) -> Json:
        """Merge a message into a history, which a new one becomes the current one of; return the message."""
        messages = history.setdefault("messages", {})
        if message_id in messages:
            messages[message_id] = {**messages[message_id], **_merge_metadata(messages[message_id], message)}
        else:
            messages[message_id] = _complete_message(messages, message_id, message)
            history["currentId"] = message_id
        parent = messages.get(messages[message_id].get("parentId"))
        if parent is not None and message_id not in (children := parent.setdefault("childrenIds", [])):
            children.append(message_id)
        stored: Json = messages[message_id]
        return stored

    @awaited_or_not
    async def filter_task_ids_by_user_id(self, chat: Any, user_id: str, task_ids: list[str]) -> Any:
        """Return the tasks that write answers to this user."""
        messages = (get_history(chat).get("messages") or {}).values()
        actors = {(m.get("meta") or {}).get("task_id"): m.get("user_id") or chat.user_id for m in messages}
        return [task_id for task_id in task_ids if actors.get(task_id, chat.user_id) == user_id]

    @awaited_or_not
    async def get_participant_ids_by_chat_ids(self, chat_ids: list[str], db: Any = None) -> Any:
        """Return the users who have written into each chat."""
        participants: dict[str, list[str]] = {id: [] for id in chat_ids}
        for chat in await self._list(id=list(chat_ids)):
            history = get_history(chat).get("messages")
            messages = history.values() if isinstance(history, dict) else chat.chat.get("messages") or ()
            authors = {_get_author(m) or chat.user_id for m in messages if isinstance(m, dict) and m["role"] == "user"}
            participants[chat.id] = sorted(authors)
        return participants

    @awaited_or_not
    async def get_chat_metas_by_chat_ids(
        self, chat_ids: list[str], include_archived: bool = False, db: Any = None
    ) -> Any:
        where = {"id": list(chat_ids), **({} if include_archived else {"archived": False})}
        rows = await self._list_rows("chat", where, columns="meta")
        return [row["meta"] for row in rows if isinstance(row.get("meta"), dict)]


def _list_children(messages: dict[str, Json], message_id: str) -> list[str]:
    return [id for id in messages.get(message_id, {}).get("childrenIds") or [] if id in messages]


def _find_last(messages: dict[str, Json], message_id: str | None) -> str | None:
    """Return the end of the last branch below a message; without one, below the last root."""
    if message_id is None:
        child_ids = [id for id, message in messages.items() if message.get("parentId") is None]
    else:
        child_ids = messages.get(message_id, {}).get("childrenIds") or []
    visited_ids: set[str] = set()
    while child_ids and child_ids[-1] not in visited_ids:
        message_id = child_ids[-1]
        visited_ids.add(message_id)
        child_ids = messages.get(message_id, {}).get("childrenIds") or []
    return message_id if message_id in messages else None


def _merge_metadata(stored: Json, message: Json) -> Json:
    """Return a change of a message in which metadata about speech is merged with the stored one."""
    meta, former = message.get("meta"), stored.get("meta")
    if not isinstance(meta, dict):
        return message
    former = former if isinstance(former, dict) else {}
    if not set(meta) <= set(_VOICE_FIELDS):
        former = {name: former[name] for name in _VOICE_FIELDS if name in former}
    return {**message, "meta": {**former, **meta}}


def _complete_message(messages: dict[str, Json], message_id: str, message: Json) -> Json:
    """Return a new message with the fields that each has."""
    parent_id = message.get("parentId")
    if parent_id is None:
        parents = (id for id, other in messages.items() if message_id in (other.get("childrenIds") or ()))
        parent_id = next(parents, None)
    children = message.get("childrenIds")
    return {
        **message,
        "id": message.get("id") or message_id,
        "parentId": parent_id,
        "childrenIds": children if isinstance(children, list) else [],
        "role": message.get("role") or _guess_role(message, messages.get(parent_id or "")),
        "timestamp": message.get("timestamp") or get_time(),
    }


def _guess_role(message: Json, parent: Json | None) -> str:
    roles = (item.get("role") for item in message.get("output") or () if isinstance(item, dict))
    role = next((role for role in roles if role), None)
    return role or ("user" if (parent or {}).get("role") == "assistant" else "assistant")


def _get_author(message: Json) -> str | None:
    user = message.get("user")
    ids = (message.get("user_id"), user.get("id") if isinstance(user, dict) else None)
    return next((id for id in ids if isinstance(id, str) and id.strip()), None)
