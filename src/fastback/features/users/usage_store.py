"""Sums over one user's messages, for the page "Usage"; the database groups them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback.features.analytics.message_columns import TOKENS
from fastback.features.chats.fragments import VISIBLE_CHAT
from fastback.kit.db import Database
from fastback.kit.db.database import Dialect

#: Seconds of a time slot: offsets of time zones are whole quarters of an hour, so every day consists of whole slots.
SLOT = 900
#: A pause longer than this (seconds) does not count as time spent on a chat.
_PAUSE = 30 * 60

# PostgreSQL's sums are decimal numbers.
_SUMS: dict[Dialect, tuple[str, ...]] = {
    dialect: tuple(f"CAST(COALESCE(sum({tokens.replace('usage', 'm.usage')}), 0) AS BIGINT)" for tokens in expressions)
    for dialect, expressions in TOKENS.items()
}
_SLOTS: dict[Dialect, str] = {
    dialect: f"""
    SELECT m.created_at / {SLOT} AS slot, m.chat_id, m.role, m.model_id, count(*) AS messages, {
        ", ".join(f"{tokens} AS {name}" for name, tokens in zip(("input", "output"), sums, strict=True))
    }
    FROM chat_message m WHERE m.user_id = :id AND m.created_at BETWEEN :start AND :end
    GROUP BY 1, 2, 3, 4 ORDER BY 1, min(m.created_at)"""
    for dialect, sums in _SUMS.items()
}
_FIELDS = "slot, chat_id, role, model_id, messages, input, output"
#: The slots are one text: making a row of each would hold up the event loop.
JOIN_SLOTS = {
    "sqlite": f"SELECT json_group_array(json_array({_FIELDS})) FROM ({_SLOTS['sqlite']})",
    "postgres": f"""
    SELECT COALESCE(CAST(json_agg(json_build_array({_FIELDS})) AS TEXT), '[]') FROM ({_SLOTS["postgres"]}) s""",
}
SUM_LIFETIME = {
    dialect: f"""
    SELECT {", ".join(sums)}, count(DISTINCT m.model_id) FROM chat_message m
    WHERE m.user_id = :id AND m.role = 'assistant'"""
    for dialect, sums in _SUMS.items()
}
MEASURE_CHATS = {
    dialect: f"""
    WITH own AS (SELECT c.id FROM chat c WHERE c.user_id = :id AND {condition}),
    times AS (
        SELECT m.chat_id,
            CASE WHEN m.created_at > 10000000000 THEN m.created_at / 1000 ELSE m.created_at END AS at
        FROM chat_message m JOIN own ON own.id = m.chat_id WHERE m.created_at IS NOT NULL),
    gaps AS (SELECT chat_id, at - LAG(at) OVER (PARTITION BY chat_id ORDER BY at) AS gap FROM times),
    spent AS (SELECT sum(gap) AS seconds FROM gaps WHERE gap > 0 AND gap <= {_PAUSE} GROUP BY chat_id)
    SELECT (SELECT count(*) FROM own), (SELECT CAST(COALESCE(max(seconds), 0) AS BIGINT) FROM spent)"""
    for dialect, condition in VISIBLE_CHAT.items()
}
LIST_TOOL_MESSAGES = """
    SELECT CAST(m.output AS TEXT), CAST(m.meta AS TEXT) FROM chat_message m
    WHERE m.user_id = :id AND m.created_at BETWEEN :start AND :end
        AND (CAST(m.output AS TEXT) LIKE '%tool%' OR CAST(m.output AS TEXT) LIKE '%function_call%'
            OR CAST(m.meta AS TEXT) LIKE '%tool%' OR CAST(m.meta AS TEXT) LIKE '%function_call%')"""


class UsageSlot(msgspec.Struct, array_like=True):
    """The messages of one chat, role and model within a quarter of an hour."""

    slot: int
    chat_id: str
    role: str
    model_id: str | None
    messages: int
    input_tokens: int
    output_tokens: int


_slots = msgspec.json.Decoder(list[UsageSlot])


class Lifetime(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    models: int


class ChatTimes(msgspec.Struct):
    chats: int
    longest: int


class ToolMessage(msgspec.Struct):
    """The output and the meta of a message, as JSON text."""

    output: Any
    meta: Any


async def list_slots(db: Database, user_id: str, start: int, end: int) -> list[UsageSlot]:
    """List the messages from `start` to `end` (Unix time), grouped by slot, chat, role and model."""
    params = {"id": user_id, "start": start, "end": end}
    (text,) = await db.fetch_all_in_thread(str, "usage.join_slots", JOIN_SLOTS[db.dialect], **params)
    return await asyncio.to_thread(_slots.decode, text)


async def sum_lifetime(db: Database, user_id: str) -> Lifetime:
    """Return the tokens of all answers, and the number of models that gave them."""
    text = SUM_LIFETIME[db.dialect]
    return (await db.fetch_all_in_thread(Lifetime, "usage.sum_lifetime", text, id=user_id))[0]


async def measure_chats(db: Database, user_id: str) -> ChatTimes:
    """Return the number of chats, and the seconds spent on the longest."""
    text = MEASURE_CHATS[db.dialect]
    return (await db.fetch_all_in_thread(ChatTimes, "usage.measure_chats", text, id=user_id))[0]


async def list_tool_messages(db: Database, user_id: str, start: int, end: int) -> list[tuple[str | None, str | None]]:
    """List output and meta, as JSON text, of the messages from `start` to `end` that may contain tool calls."""
    rows = await db.fetch_all_in_thread(
        ToolMessage, "usage.list_tool_messages", LIST_TOOL_MESSAGES, id=user_id, start=start, end=end
    )
    return [(row.output, row.meta) for row in rows]
