"""Statements that sum up usage buckets (see `rollup_store`).

Each statement has variants, by two flags: `is_bounded` sums up only messages between `start` and `end`, reading single
messages where a bound divides a bucket; `has_members` sums up only the users in the list `members`.
"""

from __future__ import annotations

from functools import cache

import msgspec

from fastback.features.analytics.message_columns import MILLISECONDS_FROM
from fastback.features.analytics.rollup_store import MESSAGE_TOKENS, SLOT, WIDTH
from fastback.kit.db.database import Dialect

_IS_DIVIDED = "((first < :start AND last >= :start) OR (first <= :end AND last > :end))"
#: A bound divides only buckets of its own time, those without a plausible one, and those with times of both units.
_MAY_BE_DIVIDED: dict[Dialect, str] = {
    "sqlite": "",
    "postgres": f"""(slot IN (-1, CAST(:start AS BIGINT) / {WIDTH}, CAST(:end AS BIGINT) / {WIDTH})
                OR last > {MILLISECONDS_FROM}) AND """,
}
#: Buckets that begin before the bounds, or end after them.
_DIVIDED = {
    dialect: f"""WITH divided AS MATERIALIZED (SELECT chat, slot, model, author FROM fastback_usage_bucket
            WHERE {condition}{_IS_DIVIDED})
        SELECT * FROM divided"""
    for dialect, condition in _MAY_BE_DIVIDED.items()
}
_BOUNDED = {
    dialect: f"""(
    SELECT chat, slot, model, author, n, i, o FROM fastback_usage_bucket
    WHERE first >= :start AND first <= :end AND last <= :end
    UNION ALL
    SELECT s.chat, s.slot, s.model, s.author, 1, COALESCE({input_tokens}, 0), COALESCE({output_tokens}, 0)
    FROM ({_DIVIDED[dialect]}) s CROSS JOIN fastback_usage_chat c CROSS JOIN chat_message m
    LEFT JOIN fastback_usage_model a ON a.text = m.model_id LEFT JOIN fastback_usage_user u ON u.text = m.user_id
    WHERE c.id = s.chat AND m.chat_id = c.text AND m.role = 'assistant' AND m.created_at BETWEEN :start AND :end
        AND {SLOT} = s.slot AND COALESCE(a.id, 0) = s.model AND COALESCE(u.id, 0) = s.author)"""
    for dialect, (input_tokens, output_tokens) in MESSAGE_TOKENS.items()
}
_IS_MEMBER = "author IN (SELECT id FROM fastback_usage_user WHERE text = ANY(:members))"
_MODEL_NAME = "(SELECT text FROM fastback_usage_model WHERE id = model)"
_MOMENT = f"CASE WHEN slot BETWEEN 0 AND CAST(:latest AS BIGINT) / {WIDTH} THEN slot * {WIDTH} ELSE :now END + :shift"


class TimeRange(msgspec.Struct):
    """The first and the last time of all buckets, and whether there are buckets without a time."""

    first: int | None
    last: int | None
    has_timeless: bool


GET_TIME_RANGE: dict[Dialect, str] = {
    "sqlite": "SELECT min(first), max(last), count(*) > count(first) FROM fastback_usage_bucket",
    "postgres": """SELECT (SELECT min(first) FROM fastback_usage_bucket), (SELECT max(last) FROM fastback_usage_bucket),
        EXISTS (SELECT 1 FROM fastback_usage_bucket WHERE first IS NULL)""",
}


def _build_source(dialect: Dialect, index: str, is_bounded: bool, has_members: bool) -> str:
    buckets = f"fastback_usage_bucket {f'INDEXED BY {index}' if dialect == 'sqlite' else ''}"
    source = f"{_BOUNDED[dialect]} b" if is_bounded else buckets
    return f"FROM {source} WHERE {_IS_MEMBER if has_members else 'TRUE'}"


@cache
def build_summary(dialect: Dialect, is_bounded: bool, has_members: bool) -> str:
    """Return the statement of `Summary`."""
    if dialect == "sqlite" and not is_bounded and not has_members:
        return """SELECT (SELECT COALESCE(sum(n), 0) FROM fastback_usage_bucket INDEXED BY by_model WHERE model <> 0),
            (SELECT count(*) FROM (SELECT DISTINCT chat FROM fastback_usage_bucket NOT INDEXED)),
            (SELECT count(*) FROM (
                SELECT DISTINCT model FROM fastback_usage_bucket INDEXED BY by_model WHERE model <> 0)),
            (SELECT count(*) FROM (SELECT DISTINCT author FROM fastback_usage_bucket INDEXED BY by_author))"""
    source = _build_source(dialect, "by_model", is_bounded, has_members)
    return f"""SELECT CAST(COALESCE(sum(CASE WHEN model <> 0 THEN n END), 0) AS BIGINT), count(DISTINCT chat),
        count(DISTINCT NULLIF(model, 0)), count(DISTINCT author) {source}"""


@cache
def build_model_usage(dialect: Dialect, is_bounded: bool, has_members: bool) -> str:
    """Return the statement of `ModelUse`, the most used model first."""
    source = _build_source(dialect, "by_model", is_bounded, has_members)
    if dialect == "postgres":
        return f"""SELECT {_MODEL_NAME} AS model_id, count, unique_users, unique_chats FROM (
            SELECT model, CAST(sum(n) AS BIGINT) AS count, count(DISTINCT NULLIF(author, 0)) AS unique_users,
                count(DISTINCT chat) AS unique_chats {source} AND model <> 0 GROUP BY model) t
            ORDER BY count DESC, model_id"""
    # The chats of a model follow each other in SQLite's index: counting them needs no memory of earlier ones.
    return f"""SELECT {_MODEL_NAME} AS model_id, count, unique_users, unique_chats FROM (
            SELECT model, sum(n) AS count, count(DISTINCT NULLIF(author, 0)) AS unique_users {source}
            AND model <> 0 GROUP BY model) t
        JOIN (SELECT model AS same, count(*) AS unique_chats FROM (
            SELECT DISTINCT model, chat {source} AND model <> 0) d GROUP BY model) c ON same = model
        ORDER BY count DESC, model_id"""


@cache
def build_token_usage(dialect: Dialect, is_bounded: bool, has_members: bool) -> str:
    """Return the statement of `TokenUse`, the model with the most tokens first."""
    source = _build_source(dialect, "by_model", is_bounded, has_members)
    return f"""SELECT {_MODEL_NAME} AS model_id,
            input_tokens, output_tokens, input_tokens + output_tokens, message_count
        FROM (SELECT model, CAST(sum(i) AS BIGINT) AS input_tokens, CAST(sum(o) AS BIGINT) AS output_tokens,
                CAST(sum(n) AS BIGINT) AS message_count {source}
            AND model <> 0 GROUP BY model) t
        ORDER BY input_tokens + output_tokens DESC, model_id"""


@cache
def build_user_usage(dialect: Dialect, is_bounded: bool, has_members: bool, *, by_tokens: bool) -> str:
    """Return the statement of `UserUse`, the users with the most messages or tokens first."""
    source = _build_source(dialect, "by_author", is_bounded, has_members)
    order = "input_tokens + output_tokens DESC, count DESC" if by_tokens else "count DESC"
    return f"""SELECT (SELECT text FROM fastback_usage_user WHERE id = author) AS user_id,
            count, input_tokens, output_tokens FROM (
        SELECT author, CAST(sum(n) AS BIGINT) AS count,
            CASE WHEN author <> 0 THEN CAST(sum(i) AS BIGINT) ELSE 0 END AS input_tokens,
            CASE WHEN author <> 0 THEN CAST(sum(o) AS BIGINT) ELSE 0 END AS output_tokens {source}
        GROUP BY author) t
        ORDER BY {order}, user_id NULLS FIRST LIMIT :limit"""


def build_values_over_time(dialect: Dialect, period: str, *, tokens: bool, is_bounded: bool, has_members: bool) -> str:
    """Return the statement of `ModelValue`; `period` is the number of the period of `moment`, as SQL.

    An implausible time counts as `now`; times after `latest` are implausible.
    """
    source = _build_source(dialect, "by_slot", is_bounded, has_members)
    value = "i + o" if tokens else "n"
    return f"""SELECT stretch AS at, m.text AS model_id, value FROM (
        SELECT {period} AS stretch, model, CAST(sum(value) AS BIGINT) AS value
        FROM (SELECT {_MOMENT} AS moment, model, {value} AS value {source} AND model <> 0) v
        GROUP BY stretch, model) t LEFT JOIN fastback_usage_model m ON m.id = t.model"""
