"""Events of chats, messages and folders."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.features.webhooks.emission import EventRule, EventRules, Operation, PriorLookup
from fastback.features.webhooks.operations import prior_state_store as store
from fastback.kit.db import Database

_CHATS, _FOLDERS = "/api/v1/chats", "/api/v1/folders"
_CHAT, _FOLDER = f"{_CHATS}/{{chat_id}}", f"{_FOLDERS}/{{folder_id}}"
_MESSAGE = f"{_CHAT}/messages/{{message_id}}"
#: Length of the preview of a message (characters).
_PREVIEW_LENGTH = 300


def _build_chat_rule(event: str, **fields: str) -> EventRule:
    """Return a rule about the chat of the path; the data are fields of the response, `event field="response field"`."""
    return EventRule(
        (event,),
        lambda operation: operation.create_event(
            event,
            operation.parameters["chat_id"],
            **{name: operation.get_field(field) for name, field in fields.items()},
        ),
    )


def _build_all_chats_rule(event: str) -> EventRule:
    """Return a rule about all chats of the requester."""
    return EventRule(
        (event,),
        lambda operation: operation.create_event(
            event, operation.requester.id if operation.requester else None, "user"
        ),
    )


def _build_switch_rule(field: str, on_event: str, off_event: str) -> EventRule:
    """Return a rule that chooses the event by a boolean field of the response."""
    return EventRule(
        (on_event, off_event),
        lambda operation: operation.create_event(
            on_event if operation.get_field(field) else off_event, operation.parameters["chat_id"], "chat"
        ),
    )


def _create_turn_events(operation: Operation) -> list[ActivityEvent] | None:
    """Return the events of a turn in a chat: the chat if it is new, the question, and its answers."""
    body, chat_id = operation.body, getattr(operation.response, "chat_id", None)
    if chat_id is None or chat_id.startswith("local:"):
        return None
    events = []
    is_new = not body.get("chat_id")
    if is_new:
        events.append(operation.create_event("chat.created", chat_id, title="New Chat"))
    question = body.get("user_message")
    if isinstance(question, dict) and question.get("id"):
        details = _build_preview(question.get("content")) if is_new else {"model": question.get("model")}
        events.append(
            operation.create_event("message.created", question["id"], chat_id=chat_id, role="user", **details)
        )
    for answer in body.get("message_ids") or [{"model_id": body.get("model"), "message_id": body.get("id")}]:
        if isinstance(answer, dict) and (message_id := answer.get("message_id")):
            model_id = answer.get("model_id")
            events.append(
                operation.create_event("message.created", message_id, chat_id=chat_id, role="assistant", model=model_id)
            )
    return events


def _build_preview(content: Any) -> dict[str, str]:
    return {"content_preview": content[:_PREVIEW_LENGTH] if isinstance(content, str) else ""}


def _create_shared_event(operation: Operation) -> ActivityEvent:
    details: dict[str, Any] = {"updated": True} if operation.prior else {}
    share_id = operation.get_field("share_id")
    return operation.create_event("chat.shared", operation.parameters["chat_id"], share_id=share_id, **details)


def _create_tag_event(operation: Operation) -> ActivityEvent | None:
    """Return the event, or None if the chat already had the tag."""
    name = operation.body.name
    meta = msgspec.json.decode(operation.prior.meta) if operation.prior is not None else None
    if name.replace(" ", "_").lower() in ((meta or {}).get("tags") or ()):
        return None
    return operation.create_event("chat.tag_added", operation.parameters["chat_id"], tag=name)


async def _list_shared_chats(db: Database, operation: Operation) -> list[str]:
    return await store.list_shared_chats(db, operation.requester.id) if operation.requester else []


def _create_unshared_event(operation: Operation) -> ActivityEvent | None:
    if operation.requester is None:
        return None
    chat_ids = operation.prior
    return operation.create_event(
        "chat.unshared", operation.requester.id, "user", count=len(chat_ids), chat_ids=chat_ids
    )


_COMPLETIONS = EventRule(("chat.created", "message.created"), _create_turn_events)
_SHARE_ID = PriorLookup("share id", lambda db, operation: store.find_share_id(db, operation.parameters["chat_id"]))

RULES: EventRules = {
    ("POST", "/api/chat/completions"): _COMPLETIONS,
    ("POST", "/api/v1/chat/completions"): _COMPLETIONS,
    ("POST", f"{_CHATS}/new"): EventRule(
        ("chat.created",),
        lambda operation: operation.create_event(
            "chat.created",
            operation.get_field("id"),
            title=operation.get_field("title"),
            folder_id=operation.get_field("folder_id"),
        ),
    ),
    ("POST", f"{_CHATS}/import"): EventRule(
        ("chat.imported",),
        lambda operation: operation.create_event(
            "chat.imported",
            None,
            "chat.import",
            count=len(operation.response),
            chat_ids=[chat.id for chat in operation.response],
        ),
    ),
    ("DELETE", _CHATS): _build_all_chats_rule("chat.deleted_all"),
    ("POST", f"{_CHATS}/archive/all"): _build_all_chats_rule("chat.archived"),
    ("POST", f"{_CHATS}/unarchive/all"): _build_all_chats_rule("chat.unarchived"),
    ("DELETE", f"{_CHATS}/share/all"): EventRule(
        ("chat.unshared",),
        _create_unshared_event,
        PriorLookup("shared chats", _list_shared_chats),
    ),
    ("POST", _CHAT): _build_chat_rule("chat.updated", title="title"),
    ("PATCH", f"{_CHAT}/params"): EventRule(
        ("chat.updated",),
        lambda operation: operation.create_event(
            "chat.updated", operation.parameters["chat_id"], title=operation.prior
        ),
        PriorLookup("title", lambda db, operation: store.find_chat_title(db, operation.parameters["chat_id"])),
    ),
    ("DELETE", _CHAT): EventRule(
        ("chat.deleted",),
        lambda operation: operation.create_event(
            "chat.deleted", operation.parameters["chat_id"], owner_id=operation.prior
        ),
        PriorLookup("owner", lambda db, operation: store.find_chat_owner(db, operation.parameters["chat_id"])),
    ),
    ("POST", f"{_CHAT}/pin"): _build_switch_rule("pinned", "chat.pinned", "chat.unpinned"),
    ("POST", f"{_CHAT}/archive"): _build_switch_rule("archived", "chat.archived", "chat.unarchived"),
    ("POST", f"{_CHAT}/fork"): EventRule(
        ("chat.cloned",),
        lambda operation: operation.create_event(
            "chat.cloned",
            operation.get_field("id"),
            original_chat_id=operation.parameters["chat_id"],
            forked_from_message_id=getattr(operation.body, "message_id", None)
            or operation.get_field("current_message_id"),
        ),
    ),
    ("POST", f"{_CHAT}/clone"): EventRule(
        ("chat.cloned",),
        lambda operation: operation.create_event(
            "chat.cloned", operation.get_field("id"), original_chat_id=operation.parameters["chat_id"]
        ),
    ),
    ("POST", f"{_CHAT}/share"): EventRule(("chat.shared",), _create_shared_event, _SHARE_ID),
    ("DELETE", f"{_CHAT}/share"): EventRule(
        ("chat.unshared",),
        lambda operation: operation.create_event(
            "chat.unshared", operation.parameters["chat_id"], share_id=operation.prior
        ),
        _SHARE_ID,
    ),
    ("POST", f"{_CHAT}/folder"): EventRule(
        ("chat.folder_updated",),
        lambda operation: operation.create_event(
            "chat.folder_updated", operation.parameters["chat_id"], folder_id=operation.body.folder_id
        ),
    ),
    ("POST", f"{_CHAT}/tags"): EventRule(
        ("chat.tag_added",),
        _create_tag_event,
        PriorLookup("tags", lambda db, operation: store.find_chat_meta(db, operation.parameters["chat_id"])),
    ),
    ("DELETE", f"{_CHAT}/tags"): EventRule(
        ("chat.tag_removed",),
        lambda operation: operation.create_event(
            "chat.tag_removed", operation.parameters["chat_id"], tag=operation.body.name
        ),
    ),
    ("POST", f"{_CHAT}/compact"): EventRule(
        ("chat.compacted",),
        lambda operation: (
            operation.create_event(
                "chat.compacted",
                operation.parameters["chat_id"],
                dropped_messages=operation.get_field("dropped_messages"),
            )
            if operation.get_field("compacted")
            else None
        ),
    ),
    ("POST", _MESSAGE): EventRule(
        ("message.updated",),
        lambda operation: operation.create_event(
            "message.updated",
            operation.parameters["message_id"],
            chat_id=operation.parameters["chat_id"],
            **_build_preview(operation.body.content),
        ),
    ),
    ("DELETE", _MESSAGE): EventRule(
        ("message.deleted",),
        lambda operation: operation.create_event(
            "message.deleted", operation.parameters["message_id"], chat_id=operation.parameters["chat_id"]
        ),
    ),
    ("POST", f"{_MESSAGE}/event"): EventRule(
        ("message.event_received",),
        lambda operation: operation.create_event(
            "message.event_received",
            operation.parameters["message_id"],
            chat_id=operation.parameters["chat_id"],
            event_type=operation.body.type,
        ),
    ),
    ("POST", _FOLDERS): EventRule(
        ("folder.created",),
        lambda operation: operation.create_event(
            "folder.created",
            operation.get_field("id"),
            name=operation.get_field("name"),
            parent_id=operation.get_field("parent_id"),
            owner_id=operation.get_field("user_id"),
        ),
    ),
    ("POST", f"{_FOLDER}/update"): EventRule(
        ("folder.updated",),
        lambda operation: operation.create_event(
            "folder.updated", operation.parameters["folder_id"], name=operation.get_field("name")
        ),
    ),
    ("POST", f"{_FOLDER}/update/parent"): EventRule(
        ("folder.parent_updated",),
        lambda operation: operation.create_event(
            "folder.parent_updated", operation.parameters["folder_id"], parent_id=operation.body.parent_id
        ),
    ),
    ("POST", f"{_FOLDER}/access/update"): EventRule(
        ("folder.access_updated",),
        lambda operation: operation.create_event(
            "folder.access_updated",
            operation.parameters["folder_id"],
            grant_count=len(operation.get_field("access_grants") or ()),
        ),
    ),
    ("DELETE", _FOLDER): EventRule(
        ("folder.deleted",),
        lambda operation: operation.create_event(
            "folder.deleted",
            operation.parameters["folder_id"],
            folder_ids=operation.prior,
            delete_contents=operation.parameters["delete_contents"],
        ),
        PriorLookup("folders", lambda db, operation: store.list_folder_tree(db, operation.parameters["folder_id"])),
    ),
}
