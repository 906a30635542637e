"""Rows of `chat_message`: the messages of a chat by columns, beside the document that contains them.

The id of a row is `{chat_id}-{message_id}`. Writing a row again leaves the columns of absent fields as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import msgspec

from fastback.features.chats.messages.token_usage import add_usage, normalize_usage
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor, Transaction
from fastback.kit.db.large_column import LargeColumn, write_large
from fastback.kit.sliced_json import encode_slices, has_long_text
from fastback.kit.storable_text import encode_json, encode_storable

Message = dict[str, Any]

#: A thread builds the rows of more messages than this.
MANY_MESSAGES = 20
#: A thread decodes the rows of more messages than this.
_MANY_ROWS = 200
Json = dict[str, Any] | list[Any] | str | int | float | bool | None

#: The columns with the text of an answer or a question.
LARGE_COLUMNS = {name: LargeColumn("chat_message", name) for name in ("content", "output")}

#: Column → the fields of a message that it stores.
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
_COLUMNS = {field: column for column, fields in _FIELDS.items() for field in fields}
#: Column → the field of a message, where the names differ.
_FIELD_NAMES = {
    "parent_id": "parentId",
    "model_id": "model",
    "status_history": "statusHistory",
    "context_summary": "contextSummary",
    "created_at": "timestamp",
}


class _UsageRow(msgspec.Struct):
    id: str
    usage: dict[str, Any] | None


class _ConversationRow(msgspec.Struct):
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


class _MessageRow(msgspec.Struct):
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


class _StatusHistory(msgspec.Struct):
    status_history: msgspec.Raw


LIST_USAGE = "SELECT id, usage FROM chat_message WHERE id = ANY(:ids) AND usage IS NOT NULL"
#: A message and its ancestors, the root first.
LIST_CONVERSATION = """
    WITH RECURSIVE chain(id, parent_id, depth) AS (
        SELECT m.id, m.parent_id, 0 FROM chat_message m WHERE m.id = :row_id
        UNION ALL
        SELECT m.id, m.parent_id, c.depth + 1 FROM chat_message m JOIN chain c ON m.id = :prefix || c.parent_id
        WHERE c.depth < 10000
    )
    SELECT m.id, m.parent_id, m.role, m.user_id, m.content, m.output, m.model_id, m.files, m.meta, m.usage, m.error,
        m.done, m.context_summary
    FROM chain c JOIN chat_message m ON m.id = c.id ORDER BY c.depth DESC"""
LIST_MESSAGES = """
    SELECT id, user_id, role, parent_id, content, output, model_id, files, sources, embeds, meta, done, status_history,
        error, usage, context_summary, created_at
    FROM chat_message WHERE chat_id = :chat_id"""
FIND_STATUS_HISTORY = "SELECT status_history FROM chat_message WHERE id = :id"
SET_STATUS_HISTORY = "UPDATE chat_message SET status_history = :status_history WHERE id = :id"
SET_PROGRESS = """UPDATE chat_message SET content = :content, output = :output, updated_at = :now
    WHERE id = :id AND done = FALSE"""
SET_UPDATED_AT = "UPDATE chat_message SET updated_at = :now WHERE id = :id AND done = FALSE"
FIND_DONE = "SELECT done FROM chat_message WHERE id = :id"
DELETE_MESSAGES = "DELETE FROM chat_message WHERE id = ANY(:ids)"


@cache
def _build_upsert(given_columns: frozenset[str]) -> str:
    """Return the statement for messages that have these columns; it leaves the others of an existing row unchanged."""
    assignments = "".join(f"{column} = excluded.{column}, " for column in sorted(given_columns))
    return f"""
    INSERT INTO chat_message (id, chat_id, user_id, role, parent_id, content, output, model_id, files, sources, embeds,
        meta, done, status_history, error, usage, context_summary, created_at, updated_at)
    VALUES (:id, :chat_id, :user_id, :role, :parent_id, :content, :output, :model_id, :files, :sources, :embeds,
        :meta, :done, :status_history, :error, :usage, :context_summary, :created_at, :updated_at)
    ON CONFLICT (id) DO UPDATE SET {assignments}
        usage = COALESCE(excluded.usage, chat_message.usage), updated_at = excluded.updated_at"""


def _list_given_columns(message: Message) -> frozenset[str]:
    return frozenset([_COLUMNS[field] for field in message.keys() & _COLUMNS.keys()])


def _encode_json(value: Any) -> str | None:
    return None if value is None else encode_json(value)


def _text_or_none(value: Any) -> str | None:
    """Return the value for a text column; documents may contain values of any type from clients."""
    return value if isinstance(value, str) else None


def _find_usage(message: Message) -> dict[str, Any] | None:
    info = message.get("info")
    return normalize_usage(message.get("usage") or (info.get("usage") if isinstance(info, dict) else None))


def _build_row(chat_id: str, message_id: str, user_id: str, message: Message) -> dict[str, Any]:
    now = int(clock.time())
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


# -- writing ------------------------------------------------------------------------------------------------------


async def _add_previous_usage(db: Executor, rows: list[dict[str, Any]]) -> None:
    """Add the stored usage to that of the rows, in place: a row counts all answers that its message has had."""
    counted = {row["id"]: row for row in rows if row["usage"] is not None}
    if not counted:
        return
    for stored in await db.fetch_all(_UsageRow, "messages.list_usage", LIST_USAGE, ids=list(counted)):
        before, new = normalize_usage(stored.usage), msgspec.json.decode(counted[stored.id]["usage"])
        if before and before != new:
            counted[stored.id]["usage"] = _encode_json(add_usage(before, new))


async def upsert_message(
    tx: Transaction, chat_id: str, message_id: str, user_id: str, message: Message, *, in_thread: bool = False
) -> None:
    """Write the row of a message from its state in the document; `in_thread` encodes it there.

    In SQLite the transaction must be a long one where the message is large.
    """
    small, large_values = _separate_large_values(message)
    values = (chat_id, message_id, user_id, small)
    row = await asyncio.to_thread(_build_row, *values) if in_thread else _build_row(*values)
    await _add_previous_usage(tx, [row])
    await tx.execute("messages.upsert", _build_upsert(_list_given_columns(small)), **row)
    await _write_large_values(tx, row["id"], large_values)


def _separate_large_values(message: Message) -> tuple[Message, dict[str, Any]]:
    """Return a message without its large content and output, and these by their columns."""
    large_values = {column: message[column] for column in LARGE_COLUMNS if has_long_text(message.get(column))}
    return ({**message, **dict.fromkeys(large_values)}, large_values) if large_values else (message, {})


async def _write_large_values(tx: Transaction, row_id: str, values: dict[str, Any]) -> None:
    for column, value in values.items():
        await write_large(tx, LARGE_COLUMNS[column], row_id, encode_slices(value, encode_storable))


async def upsert_messages(tx: Transaction, chat_id: str, user_id: str, messages: dict[str, Message]) -> None:
    """Like `upsert_message`, for several messages of a chat, by their ids."""
    separated = {message_id: _separate_large_values(message) for message_id, message in messages.items()}
    small = {message_id: message for message_id, (message, _) in separated.items()}
    if len(messages) > MANY_MESSAGES:
        rows_by_columns = await asyncio.to_thread(_build_rows, chat_id, user_id, small)
    else:
        rows_by_columns = _build_rows(chat_id, user_id, small)
    await _add_previous_usage(tx, [row for rows in rows_by_columns.values() for row in rows])
    for columns, rows in rows_by_columns.items():
        await tx.execute_many("messages.upsert_many", _build_upsert(columns), rows)
    for message_id, (_, large_values) in separated.items():
        await _write_large_values(tx, f"{chat_id}-{message_id}", large_values)


def _build_rows(chat_id: str, user_id: str, messages: dict[str, Message]) -> dict[frozenset[str], list[dict[str, Any]]]:
    """Return the rows of messages by the columns that they give."""
    rows_by_columns: dict[frozenset[str], list[dict[str, Any]]] = {}
    for message_id, message in messages.items():
        row = _build_row(chat_id, message_id, user_id, message)
        rows_by_columns.setdefault(_list_given_columns(message), []).append(row)
    return rows_by_columns


async def save_progress(
    db: Database, chat_id: str, message_id: str, *, content: str, output: list[dict[str, Any]], is_large: bool = False
) -> bool:
    """Write the content and output of an answer that is still streaming; return False where it is done already."""
    row_id, now = f"{chat_id}-{message_id}", int(clock.time())
    if not is_large:
        encoded = {"content": encode_json(content), "output": encode_json(output)}
        if await db.execute("messages.set_progress", SET_PROGRESS, id=row_id, now=now, **encoded):
            return True
    else:
        async with db.transaction(long=True) as tx:
            if await tx.execute("messages.set_updated_at", SET_UPDATED_AT, id=row_id, now=now):
                await _write_large_values(tx, row_id, {"content": content, "output": output})
                return True
    return not await db.fetch_value("messages.find_done", FIND_DONE, id=row_id)  # it may have been deleted


async def append_statuses(db: Executor, chat_id: str, message_id: str, statuses: Sequence[dict[str, Any]]) -> None:
    """Append entries to the status history of a message; does nothing if the message has no row."""
    row_id = f"{chat_id}-{message_id}"
    row = await db.fetch_first(_StatusHistory, "messages.find_status_history", FIND_STATUS_HISTORY, id=row_id)
    if row is None:
        return
    encoded, stored = encode_json(list(statuses)), bytes(row.status_history).decode().strip()
    if stored.startswith("[") and stored[1:-1].strip():  # decoding thousands takes milliseconds
        encoded = f"{stored[:-1]},{encoded[1:]}"
    await db.execute("messages.set_status_history", SET_STATUS_HISTORY, id=row_id, status_history=encoded)


async def delete_messages(tx: Executor, chat_id: str, message_ids: Collection[str]) -> None:
    """Delete the rows of messages of a chat."""
    row_ids = [f"{chat_id}-{message_id}" for message_id in message_ids]
    await tx.execute("messages.delete", DELETE_MESSAGES, ids=row_ids)


# -- reading ------------------------------------------------------------------------------------------------------


async def find_conversation(
    db: Database, chat_id: str, message_id: str, *, in_thread: bool = False
) -> list[Message] | None:
    """Return the messages from the root of the conversation down to `message_id`; None if a link is missing."""
    prefix = f"{chat_id}-"
    # In PostgreSQL only many rows are read in a thread.
    fetch = db.fetch_all_in_thread if in_thread or db.dialect == "postgres" else db.fetch_all
    rows = await fetch(
        _ConversationRow, "messages.list_conversation", LIST_CONVERSATION, row_id=prefix + message_id, prefix=prefix
    )
    if not rows or rows[0].parent_id is not None:
        return None
    if in_thread or len(rows) > _MANY_ROWS:
        return await asyncio.to_thread(_build_conversation, prefix, rows)
    return _build_conversation(prefix, rows)


def _build_conversation(prefix: str, rows: list[_ConversationRow]) -> list[Message]:
    messages: list[Message] = []
    for row in rows:
        message: Message = {
            "id": row.id.removeprefix(prefix),
            "parentId": row.parent_id,
            "role": row.role,
            "content": msgspec.json.decode(row.content) or "",
            "done": row.done,
            "user_id": row.user_id,
        }
        # Clients may have written values of other types.
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
        messages.append(message)
    return messages


async def load_messages(db: Database, chat_id: str, *, in_thread: bool = False) -> dict[str, Message]:
    """Return the messages of a chat by their ids, in the form of its document; empty if it has no rows."""
    if not in_thread:
        rows = await db.fetch_all(_MessageRow, "messages.list", LIST_MESSAGES, chat_id=chat_id)
        return _build_messages(chat_id, rows)
    rows = await db.fetch_all_in_thread(_MessageRow, "messages.list", LIST_MESSAGES, chat_id=chat_id)
    return await asyncio.to_thread(_build_messages, chat_id, rows)


def _build_messages(chat_id: str, rows: list[_MessageRow]) -> dict[str, Message]:
    prefix = f"{chat_id}-"
    messages: dict[str, Message] = {}
    for row in rows:
        message_id = row.id.removeprefix(prefix)
        columns = msgspec.structs.asdict(row)
        fields = {_FIELD_NAMES.get(column, column): value for column, value in columns.items() if value is not None}
        message = {**fields, "id": message_id}
        message.setdefault("content", "")
        if "usage" in message:
            message["info"] = {"usage": message["usage"]}
        messages[message_id] = message
    for message_id, message in messages.items():
        message.setdefault("childrenIds", [])
        parent = messages.get(message.get("parentId") or "")
        if parent is not None:
            parent.setdefault("childrenIds", []).append(message_id)
    return messages
