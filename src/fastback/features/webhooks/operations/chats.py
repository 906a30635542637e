"""Chats, their messages, and folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.features.webhooks.emission import Done, PriorLookup, Table, Telling

_CHATS, _FOLDERS = "/api/v1/chats", "/api/v1/folders"
_CHAT, _FOLDER = f"{_CHATS}/{{chat_id}}", f"{_FOLDERS}/{{folder_id}}"
_MESSAGE = f"{_CHAT}/messages/{{message_id}}"
#: So much of a message is shown beforehand (characters).
_PREVIEW = 300


def _chat(event: str, **fields: str) -> Telling:
    """About the chat of the path; `fields` of the answer, by the name they are told under."""
    return Telling(
        (event,),
        lambda done: done.told(event, done["chat_id"], **{name: done.field(one) for name, one in fields.items()}),
    )


def _all(event: str) -> Telling:
    """About all chats of who asks."""
    return Telling((event,), lambda done: done.told(event, done.user.id if done.user else None, "user"))


def _switched(name: str, on: str, off: str) -> Telling:
    return Telling((on, off), lambda done: done.told(on if done.field(name) else off, done["chat_id"], "chat"))


def _started(done: Done) -> list[ActivityEvent] | None:
    """A turn of the page: perhaps a new chat; a question and its answers."""
    data, chat_id = done["data"], getattr(done.answer, "chat_id", None)
    if chat_id is None or chat_id.startswith("local:"):
        return None
    told = []
    new = not data.get("chat_id")
    if new:
        told.append(done.told("chat.created", chat_id, title="New Chat"))
    question = data.get("user_message")
    if isinstance(question, dict) and question.get("id"):
        more = _preview(question.get("content")) if new else {"model": question.get("model")}
        told.append(done.told("message.created", question["id"], chat_id=chat_id, role="user", **more))
    for one in data.get("message_ids") or ():
        if isinstance(one, dict) and one.get("message_id"):
            model = one.get("model_id")
            told.append(done.told("message.created", one["message_id"], chat_id=chat_id, role="assistant", model=model))
    return told


def _preview(content: Any) -> dict[str, str]:
    return {"content_preview": content[:_PREVIEW] if isinstance(content, str) else ""}


def _shared(done: Done) -> ActivityEvent:
    again: dict[str, Any] = {"updated": True} if done.before else {}
    return done.told("chat.shared", done["chat_id"], share_id=done.field("share_id"), **again)


class _Meta(msgspec.Struct):
    meta: msgspec.Raw


def _tagged(done: Done) -> ActivityEvent | None:
    name = done["data"].name
    meta = msgspec.json.decode(done.before.meta) if done.before is not None else None
    if name.replace(" ", "_").lower() in ((meta or {}).get("tags") or ()):
        return None
    return done.told("chat.tag_added", done["chat_id"], tag=name)


def _owner(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"user_id": arguments["user"].id}


def _unshared_all(done: Done) -> ActivityEvent | None:
    who = done.user
    if who is None:
        return None
    return done.told("chat.unshared", who.id, "user", count=len(done.before), chat_ids=done.before)


_COMPLETIONS = Telling(("chat.created", "message.created"), _started)
_SHARE_ID = PriorLookup(str | None, "share", "SELECT share_id FROM chat WHERE id = :chat_id")

TABLE: Table = {
    ("POST", "/api/chat/completions"): _COMPLETIONS,
    ("POST", "/api/v1/chat/completions"): _COMPLETIONS,
    ("POST", f"{_CHATS}/new"): Telling(
        ("chat.created",),
        lambda done: done.told(
            "chat.created", done.field("id"), title=done.field("title"), folder_id=done.field("folder_id")
        ),
    ),
    ("POST", f"{_CHATS}/import"): Telling(
        ("chat.imported",),
        lambda done: done.told(
            "chat.imported", None, "chat.import", count=len(done.answer), chat_ids=[one.id for one in done.answer]
        ),
    ),
    ("DELETE", _CHATS): _all("chat.deleted_all"),
    ("POST", f"{_CHATS}/archive/all"): _all("chat.archived"),
    ("POST", f"{_CHATS}/unarchive/all"): _all("chat.unarchived"),
    ("DELETE", f"{_CHATS}/share/all"): Telling(
        ("chat.unshared",),
        _unshared_all,
        PriorLookup(str, "shares", "SELECT chat_id FROM shared_chat WHERE user_id = :user_id", _owner, rows=True),
    ),
    ("POST", _CHAT): _chat("chat.updated", title="title"),
    ("PATCH", f"{_CHAT}/params"): Telling(
        ("chat.updated",),
        lambda done: done.told("chat.updated", done["chat_id"], title=done.before),
        PriorLookup(str, "title", "SELECT title FROM chat WHERE id = :chat_id"),
    ),
    ("DELETE", _CHAT): Telling(
        ("chat.deleted",),
        lambda done: done.told("chat.deleted", done["chat_id"], owner_id=done.before),
        PriorLookup(str, "owner", "SELECT user_id FROM chat WHERE id = :chat_id"),
    ),
    ("POST", f"{_CHAT}/pin"): _switched("pinned", "chat.pinned", "chat.unpinned"),
    ("POST", f"{_CHAT}/archive"): _switched("archived", "chat.archived", "chat.unarchived"),
    ("POST", f"{_CHAT}/fork"): Telling(
        ("chat.cloned",),
        lambda done: done.told(
            "chat.cloned",
            done.field("id"),
            original_chat_id=done["chat_id"],
            forked_from_message_id=getattr(done["data"], "message_id", None) or done.field("current_message_id"),
        ),
    ),
    ("POST", f"{_CHAT}/clone"): Telling(
        ("chat.cloned",), lambda done: done.told("chat.cloned", done.field("id"), original_chat_id=done["chat_id"])
    ),
    ("POST", f"{_CHAT}/share"): Telling(("chat.shared",), _shared, _SHARE_ID),
    ("DELETE", f"{_CHAT}/share"): Telling(
        ("chat.unshared",), lambda done: done.told("chat.unshared", done["chat_id"], share_id=done.before), _SHARE_ID
    ),
    ("POST", f"{_CHAT}/folder"): Telling(
        ("chat.folder_updated",),
        lambda done: done.told("chat.folder_updated", done["chat_id"], folder_id=done["data"].folder_id),
    ),
    ("POST", f"{_CHAT}/tags"): Telling(
        ("chat.tag_added",), _tagged, PriorLookup(_Meta, "tags", "SELECT meta FROM chat WHERE id = :chat_id")
    ),
    ("DELETE", f"{_CHAT}/tags"): Telling(
        ("chat.tag_removed",), lambda done: done.told("chat.tag_removed", done["chat_id"], tag=done["data"].name)
    ),
    ("POST", f"{_CHAT}/compact"): Telling(
        ("chat.compacted",),
        lambda done: (
            done.told("chat.compacted", done["chat_id"], dropped_messages=done.field("dropped_messages"))
            if done.field("compacted")
            else None
        ),
    ),
    ("POST", _MESSAGE): Telling(
        ("message.updated",),
        lambda done: done.told(
            "message.updated", done["message_id"], chat_id=done["chat_id"], **_preview(done["data"].content)
        ),
    ),
    ("DELETE", _MESSAGE): Telling(
        ("message.deleted",), lambda done: done.told("message.deleted", done["message_id"], chat_id=done["chat_id"])
    ),
    ("POST", f"{_MESSAGE}/event"): Telling(
        ("message.event_received",),
        lambda done: done.told(
            "message.event_received", done["message_id"], chat_id=done["chat_id"], event_type=done["data"].type
        ),
    ),
    ("POST", _FOLDERS): Telling(
        ("folder.created",),
        lambda done: done.told(
            "folder.created",
            done.field("id"),
            name=done.field("name"),
            parent_id=done.field("parent_id"),
            owner_id=done.field("user_id"),
        ),
    ),
    ("POST", f"{_FOLDER}/update"): Telling(
        ("folder.updated",), lambda done: done.told("folder.updated", done["folder_id"], name=done.field("name"))
    ),
    ("POST", f"{_FOLDER}/update/parent"): Telling(
        ("folder.parent_updated",),
        lambda done: done.told("folder.parent_updated", done["folder_id"], parent_id=done["data"].parent_id),
    ),
    ("POST", f"{_FOLDER}/access/update"): Telling(
        ("folder.access_updated",),
        lambda done: done.told(
            "folder.access_updated", done["folder_id"], grant_count=len(done.field("access_grants") or ())
        ),
    ),
    ("DELETE", _FOLDER): Telling(
        ("folder.deleted",),
        lambda done: done.told(
            "folder.deleted",
            done["folder_id"],
            folder_ids=done.before,
            delete_contents=done["delete_contents"],
        ),
        PriorLookup(
            str,
            "folders",
            """WITH RECURSIVE below(id) AS (
                SELECT id FROM folder WHERE id = :folder_id
                UNION
                SELECT f.id FROM folder f JOIN below ON f.parent_id = below.id
            ) SELECT id FROM below""",
            rows=True,
        ),
    ),
}
