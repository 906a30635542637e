"""What somebody has used: their messages, grouped by the database."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database

#: Seconds of a slot: offsets of time zones are whole quarters of an hour, so that every day is made of whole slots.
SLOT = 900

_TOKENS = "CAST(COALESCE(CAST(m.usage ->> '{0}' AS NUMERIC), CAST(m.usage ->> '{1}' AS NUMERIC)) AS BIGINT)"
# PostgreSQL's sums are decimal numbers.
_INPUT = f"CAST(COALESCE(SUM({_TOKENS.format('input_tokens', 'prompt_tokens')}), 0) AS BIGINT)"
_OUTPUT = f"CAST(COALESCE(SUM({_TOKENS.format('output_tokens', 'completion_tokens')}), 0) AS BIGINT)"


class Slot(msgspec.Struct):
    """The messages of a chat, a role and a model within a quarter of an hour."""

    slot: int
    chat_id: str
    role: str
    model_id: str | None
    messages: int
    input_tokens: int
    output_tokens: int


async def slots(db: Database, user_id: str, start: int, end: int) -> list[Slot]:
    """All messages from `start` to `end` (seconds)."""
    return await db.fetch_all_in_thread(
        Slot,
        "usage.slots",
        f"""SELECT m.created_at / {SLOT}, m.chat_id, m.role, m.model_id, count(*), {_INPUT}, {_OUTPUT}
            FROM chat_message m WHERE m.user_id = :id AND m.created_at BETWEEN :start AND :end
            GROUP BY 1, 2, 3, 4 ORDER BY 1, min(m.created_at)""",
        id=user_id,
        start=start,
        end=end,
    )


class Lifetime(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    models: int


async def lifetime(db: Database, user_id: str) -> Lifetime:
    """Tokens of all answers, and how many models gave them."""
    rows = await db.fetch_all_in_thread(
        Lifetime,
        "usage.lifetime",
        f"""SELECT {_INPUT}, {_OUTPUT}, count(DISTINCT m.model_id) FROM chat_message m
            WHERE m.user_id = :id AND m.role = 'assistant'""",
        id=user_id,
    )
    return rows[0]


class ChatTimes(msgspec.Struct):
    chats: int
    longest: int


#: A pause longer than this (seconds) is no part of the time spent on a chat.
_PAUSE = 30 * 60
_INTERNAL = {
    "sqlite": "COALESCE(json_extract(c.meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(c.meta ->> 'internal', 'false') <> 'true'",
}


async def chat_times(db: Database, user_id: str) -> ChatTimes:
    """How many chats there are, and the seconds spent on the longest."""
    mine = f"SELECT c.id FROM chat c WHERE c.user_id = :id AND {_INTERNAL[db.dialect]}"
    rows = await db.fetch_all_in_thread(
        ChatTimes,
        f"usage.chat_times.{db.dialect}",
        f"""WITH mine AS ({mine}),
            said AS (
                SELECT m.chat_id,
                    CASE WHEN m.created_at > 10000000000 THEN m.created_at / 1000 ELSE m.created_at END AS at
                FROM chat_message m JOIN mine ON mine.id = m.chat_id WHERE m.created_at IS NOT NULL),
            gaps AS (SELECT chat_id, at - LAG(at) OVER (PARTITION BY chat_id ORDER BY at) AS gap FROM said),
            spent AS (SELECT sum(gap) AS seconds FROM gaps WHERE gap > 0 AND gap <= {_PAUSE} GROUP BY chat_id)
            SELECT (SELECT count(*) FROM mine), (SELECT CAST(COALESCE(max(seconds), 0) AS BIGINT) FROM spent)""",
        id=user_id,
    )
    return rows[0]


class Called(msgspec.Struct):
    output: Any
    meta: Any


async def called(db: Database, user_id: str, start: int, end: int) -> list[tuple[str | None, str | None]]:
    """Output and meta, as JSON, of those messages from `start` to `end` that may speak of tools."""
    rows = await db.fetch_all_in_thread(
        Called,
        "usage.called",
        """SELECT CAST(m.output AS TEXT), CAST(m.meta AS TEXT) FROM chat_message m
           WHERE m.user_id = :id AND m.created_at BETWEEN :start AND :end
             AND (CAST(m.output AS TEXT) LIKE '%tool%' OR CAST(m.output AS TEXT) LIKE '%function_call%'
               OR CAST(m.meta AS TEXT) LIKE '%tool%' OR CAST(m.meta AS TEXT) LIKE '%function_call%')""",
        id=user_id,
        start=start,
        end=end,
    )
    return [(row.output, row.meta) for row in rows]
