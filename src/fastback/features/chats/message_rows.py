"""Rows of `chat_message`: each message of a chat once more, by columns, as the reference keeps them.

A row's id is `{chat_id}-{message_id}`; absent fields stay as they were when a row is written again.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.kit.db import Executor

Message = dict[str, Any]

_UPSERT = """
    INSERT INTO chat_message (id, chat_id, user_id, role, parent_id, content, output, model_id, files, sources, embeds,
        meta, done, status_history, error, usage, context_summary, created_at, updated_at)
    VALUES (:id, :chat_id, :user_id, :role, :parent_id, :content, :output, :model_id, :files, :sources, :embeds,
        :meta, :done, :status_history, :error, :usage, :context_summary, :created_at, :updated_at)
    ON CONFLICT (id) DO UPDATE SET
        role = excluded.role,
        parent_id = COALESCE(excluded.parent_id, chat_message.parent_id),
        content = COALESCE(excluded.content, chat_message.content),
        output = COALESCE(excluded.output, chat_message.output),
        model_id = COALESCE(excluded.model_id, chat_message.model_id),
        files = COALESCE(excluded.files, chat_message.files),
        sources = COALESCE(excluded.sources, chat_message.sources),
        embeds = COALESCE(excluded.embeds, chat_message.embeds),
        meta = COALESCE(excluded.meta, chat_message.meta),
        done = excluded.done,
        status_history = COALESCE(excluded.status_history, chat_message.status_history),
        error = COALESCE(excluded.error, chat_message.error),
        usage = COALESCE(excluded.usage, chat_message.usage),
        context_summary = COALESCE(excluded.context_summary, chat_message.context_summary),
        updated_at = excluded.updated_at"""


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def normalised_usage(usage: Any) -> dict[str, Any] | None:
    """Token counts under both spellings: `input_tokens`/`output_tokens` beside whatever the provider reported."""
    if not isinstance(usage, dict) or not usage:
        return None
    found = dict(usage)
    given_in = usage.get("input_tokens") or usage.get("prompt_tokens") or usage.get("prompt_eval_count") or 0
    given_out = usage.get("output_tokens") or usage.get("completion_tokens") or usage.get("eval_count") or 0
    if given_in:
        found["input_tokens"] = int(given_in)
    if given_out:
        found["output_tokens"] = int(given_out)
    total = usage.get("total_tokens") or (int(given_in) + int(given_out))
    if total:
        found["total_tokens"] = int(total)
    return found


def _usage_of(message: Message) -> dict[str, Any] | None:
    info = message.get("info")
    return normalised_usage(message.get("usage") or (info.get("usage") if isinstance(info, dict) else None))


def _row(chat_id: str, message_id: str, user_id: str, message: Message) -> dict[str, Any]:
    now = int(time.time())
    created = message.get("timestamp")
    return {
        "id": f"{chat_id}-{message_id}",
        "chat_id": chat_id,
        "user_id": message.get("user_id") or user_id,
        "role": str(message.get("role") or "user"),
        "parent_id": message.get("parentId") or message.get("parent_id"),
        "content": _json(message.get("content")),
        "output": _json(message.get("output")),
        "model_id": message.get("model") or message.get("model_id"),
        "files": _json(message.get("files")),
        "sources": _json(message.get("sources")),
        "embeds": _json(message.get("embeds")),
        "meta": _json(message.get("meta")),
        "done": bool(message.get("done", True)),
        "status_history": _json(message.get("statusHistory")),
        "error": _json(message.get("error")),
        "usage": _json(_usage_of(message)),
        "context_summary": message.get("contextSummary"),
        "created_at": int(created) if isinstance(created, (int, float)) else now,
        "updated_at": now,
    }


async def upsert(db: Executor, chat_id: str, message_id: str, user_id: str, message: Message) -> None:
    """Write the row of a message as the document now holds it."""
    await db.execute("chat_message.upsert", _UPSERT, **_row(chat_id, message_id, user_id, message))


async def upsert_many(db: Executor, chat_id: str, user_id: str, messages: dict[str, Message]) -> None:
    """As `upsert`, for several messages of a chat by their ids."""
    rows = [_row(chat_id, message_id, user_id, message) for message_id, message in messages.items()]
    if rows:
        await db.execute_many("chat_message.upsert", _UPSERT, rows)


_CHAIN = """
    WITH RECURSIVE chain(id, parent_id, depth) AS (
        SELECT m.id, m.parent_id, 0 FROM chat_message m WHERE m.id = :row_id
        UNION ALL
        SELECT m.id, m.parent_id, c.depth + 1 FROM chat_message m JOIN chain c ON m.id = :prefix || c.parent_id
        WHERE c.depth < 10000
    )
    SELECT m.id, m.parent_id, m.role, m.user_id, m.content, m.output, m.model_id, m.files, m.meta, m.usage, m.error,
        m.done
    FROM chain c JOIN chat_message m ON m.id = c.id ORDER BY c.depth DESC"""


class _RawRow(msgspec.Struct):
    id: str
    parent_id: str | None
    role: str
    user_id: str | None
    content: msgspec.Raw
    output: list[Any] | None
    model_id: str | None
    files: list[Any] | None
    meta: dict[str, Any] | None
    usage: dict[str, Any] | None
    error: msgspec.Raw
    done: bool | None


async def chain(db: Executor, chat_id: str, message_id: str) -> list[Message] | None:
    """The messages from the root of the conversation down to `message_id`; None when a link is missing."""
    prefix = f"{chat_id}-"
    rows = await db.all(_RawRow, "chat_message.chain", _CHAIN, row_id=prefix + message_id, prefix=prefix)
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
        for key, value in (
            ("output", row.output),
            ("model", row.model_id),
            ("files", row.files),
            ("meta", row.meta),
            ("usage", row.usage),
        ):
            if value is not None:
                message[key] = value
        found.append(message)
    return found
