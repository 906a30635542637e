"""Rows of `chat_message`: each message of a chat once more, by columns, as the reference keeps them.

A row's id is `{chat_id}-{message_id}`; absent fields stay as they were when a row is written again.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import msgspec

from fastback.features.chats.messages.token_usage import add_usage, normalize_usage
from fastback.kit.db import Executor

Message = dict[str, Any]
Json = dict[str, Any] | list[Any] | str | int | float | bool | None

#: Column, and the fields of a message that are kept in it.
_FIELDS: dict[str, tuple[str, ...]] = {
    "role": ("role",),
    "parent_id": ("parent_id", "parentId"),
    "content": ("content",),
    "output": ("output",),
    "model_id": ("model_id", "model"),
    "files": ("files",),
    "sources": ("sources",),
    "embeds": ("embeds",),
    "meta": ("meta",),
    "done": ("done",),
    "status_history": ("status_history", "statusHistory"),
    "error": ("error",),
    "context_summary": ("context_summary", "contextSummary"),
}


@cache
def _build_upsert(said: frozenset[str]) -> str:
    """The statement for messages that say these columns: what they do not mention stays as it was."""
    return f"""
    INSERT INTO chat_message (id, chat_id, user_id, role, parent_id, content, output, model_id, files, sources, embeds,
        meta, done, status_history, error, usage, context_summary, created_at, updated_at)
    VALUES (:id, :chat_id, :user_id, :role, :parent_id, :content, :output, :model_id, :files, :sources, :embeds,
        :meta, :done, :status_history, :error, :usage, :context_summary, :created_at, :updated_at)
    ON CONFLICT (id) DO UPDATE SET {"".join(f"{one} = excluded.{one}, " for one in sorted(said))}
        usage = COALESCE(excluded.usage, chat_message.usage), updated_at = excluded.updated_at"""


def _list_given_columns(message: Message) -> frozenset[str]:
    return frozenset(column for column, names in _FIELDS.items() if any(name in message for name in names))


def _encode_json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _text_or_none(value: Any) -> str | None:
    """What belongs into a column of texts; documents hold what clients put there."""
    return value if isinstance(value, str) else None


def _find_usage(message: Message) -> dict[str, Any] | None:
    info = message.get("info")
    return normalize_usage(message.get("usage") or (info.get("usage") if isinstance(info, dict) else None))


def _build_row(chat_id: str, message_id: str, user_id: str, message: Message) -> dict[str, Any]:
    now = int(time.time())
    created = message.get("timestamp")
    return {
        "id": f"{chat_id}-{message_id}",
        "chat_id": chat_id,
        "user_id": _text_or_none(message.get("user_id")) or user_id,
        "role": str(message.get("role") or "user"),
        "parent_id": _text_or_none(message.get("parentId") or message.get("parent_id")),
        "content": _encode_json(message.get("content")),
        "output": _encode_json(message.get("output")),
        "model_id": _text_or_none(message.get("model") or message.get("model_id")),
        "files": _encode_json(message.get("files")),
        "sources": _encode_json(message.get("sources")),
        "embeds": _encode_json(message.get("embeds")),
        "meta": _encode_json(message.get("meta")),
        "done": bool(message.get("done", True)),
        "status_history": _encode_json(message.get("status_history") or message.get("statusHistory")),
        "error": _encode_json(message.get("error")),
        "usage": _encode_json(_find_usage(message)),
        "context_summary": _text_or_none(message.get("context_summary") or message.get("contextSummary")),
        "created_at": int(created) if isinstance(created, (int, float)) else now,
        "updated_at": now,
    }


class _Usage(msgspec.Struct):
    id: str
    usage: dict[str, Any] | None


async def _add_previous_usage(db: Executor, rows: list[dict[str, Any]]) -> None:
    """Let the usage of rows be that of all answers a message has had: a new one is added to the known."""
    counted = {row["id"]: row for row in rows if row["usage"] is not None}
    if not counted:
        return
    text = "SELECT id, usage FROM chat_message WHERE id = ANY(:ids) AND usage IS NOT NULL"
    for known in await db.fetch_all(_Usage, "chat_message.usage", text, ids=list(counted)):
        before, new = normalize_usage(known.usage), msgspec.json.decode(counted[known.id]["usage"])
        if before and before != new:
            counted[known.id]["usage"] = _encode_json(add_usage(before, new))


async def upsert_message(db: Executor, chat_id: str, message_id: str, user_id: str, message: Message) -> None:
    """Write the row of a message as the document now holds it."""
    row = _build_row(chat_id, message_id, user_id, message)
    await _add_previous_usage(db, [row])
    await db.execute("chat_message.upsert", _build_upsert(_list_given_columns(message)), **row)


async def upsert_messages(db: Executor, chat_id: str, user_id: str, messages: dict[str, Message]) -> None:
    """As `upsert`, for several messages of a chat by their ids."""
    alike: dict[frozenset[str], list[dict[str, Any]]] = {}
    for message_id, message in messages.items():
        alike.setdefault(_list_given_columns(message), []).append(_build_row(chat_id, message_id, user_id, message))
    await _add_previous_usage(db, [row for rows in alike.values() for row in rows])
    for said, rows in alike.items():
        await db.execute_many("chat_message.upsert", _build_upsert(said), rows)


_CHAIN = """
    WITH RECURSIVE chain(id, parent_id, depth) AS (
        SELECT m.id, m.parent_id, 0 FROM chat_message m WHERE m.id = :row_id
        UNION ALL
        SELECT m.id, m.parent_id, c.depth + 1 FROM chat_message m JOIN chain c ON m.id = :prefix || c.parent_id
        WHERE c.depth < 10000
    )
    SELECT m.id, m.parent_id, m.role, m.user_id, m.content, m.output, m.model_id, m.files, m.meta, m.usage, m.error,
        m.done, m.context_summary
    FROM chain c JOIN chat_message m ON m.id = c.id ORDER BY c.depth DESC"""


class _RawRow(msgspec.Struct):
    id: str
    parent_id: str | None
    role: str
    user_id: str | None
    content: msgspec.Raw
    output: Json
    model_id: str | None
    files: Json
    meta: Json
    usage: Json
    error: msgspec.Raw
    done: bool | None
    context_summary: str | None


async def find_conversation(db: Executor, chat_id: str, message_id: str) -> list[Message] | None:
    """The messages from the root of the conversation down to `message_id`; None when a link is missing."""
    prefix = f"{chat_id}-"
    rows = await db.fetch_all(_RawRow, "chat_message.chain", _CHAIN, row_id=prefix + message_id, prefix=prefix)
    if not rows or rows[0].parent_id is not None:
        return None
    found: list[Message] = []
    for row in rows:
        message: Message = {
            "id": row.id.removeprefix(prefix),
            "parentId": row.parent_id,
            "role": row.role,
            "content": msgspec.json.decode(row.content) or "",
            "done": row.done,
            "user_id": row.user_id,
        }
        # What clients wrote into them is not always what belongs there.
        for key, value, kind in (
            ("output", row.output, list),
            ("model", row.model_id, str),
            ("files", row.files, list),
            ("meta", row.meta, dict),
            ("usage", row.usage, dict),
            ("contextSummary", row.context_summary, str),
        ):
            if isinstance(value, kind):
                message[key] = value
        found.append(message)
    return found


_MAP = """
    SELECT id, user_id, role, parent_id, content, output, model_id, files, sources, embeds, meta, done, status_history,
        error, usage, context_summary, created_at
    FROM chat_message WHERE chat_id = :chat_id"""


class _Row(msgspec.Struct):
    id: str
    user_id: str | None
    role: str
    parent_id: str | None
    content: Json
    output: Json
    model_id: str | None
    files: Json
    sources: Json
    embeds: Json
    meta: Json
    done: bool | None
    status_history: Json
    error: Json
    usage: Json
    context_summary: str | None
    created_at: int | None


#: Columns that messages call otherwise.
_NAMES = {
    "parent_id": "parentId",
    "model_id": "model",
    "status_history": "statusHistory",
    "context_summary": "contextSummary",
    "created_at": "timestamp",
}


async def load_messages(db: Executor, chat_id: str) -> dict[str, Message]:
    """The messages of a chat by their ids, as its document would hold them; empty where there are no rows."""
    prefix = f"{chat_id}-"
    found: dict[str, Message] = {}
    for row in await db.fetch_all(_Row, "chat_message.of_chat", _MAP, chat_id=chat_id):
        message_id = row.id.removeprefix(prefix)
        fields = {_NAMES.get(key, key): one for key, one in msgspec.structs.asdict(row).items() if one is not None}
        message = {**fields, "id": message_id}
        message.setdefault("content", "")
        if "usage" in message:
            message["info"] = {"usage": message["usage"]}
        found[message_id] = message
    for message_id, message in found.items():
        message.setdefault("childrenIds", [])
        parent = found.get(message.get("parentId") or "")
        if parent is not None:
            parent.setdefault("childrenIds", []).append(message_id)
    return found


class _Unfinished(msgspec.Struct):
    id: str
    output: Any


async def list_unfinished_answers(
    db: Executor, chat_id: str, user_id: str
) -> list[tuple[str, list[dict[str, Any]] | None]]:
    """A user's answers in a chat that are not done: their ids, and their items where they have any."""
    rows = await db.fetch_all(
        _Unfinished,
        "message_rows.unfinished",
        """SELECT m.id, m.output FROM chat_message m JOIN chat c ON c.id = m.chat_id
           WHERE m.chat_id = :chat_id AND m.role = 'assistant' AND m.done = FALSE
             AND COALESCE(m.user_id, c.user_id) = :user_id""",
        chat_id=chat_id,
        user_id=user_id,
    )
    return [(row.id.removeprefix(f"{chat_id}-"), row.output if isinstance(row.output, list) else None) for row in rows]
