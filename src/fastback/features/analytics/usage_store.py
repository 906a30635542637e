"""Statements that sum up the answers in `chat_message`.

A statement that sums up half of a large table reads an index that holds every column it needs. The functions return
the text for a source, which `build_source` returns.
"""

from __future__ import annotations

from functools import lru_cache

from fastback.features.analytics.message_columns import (
    EARLIEST,
    INDEX,
    MILLISECONDS_FROM,
    TOKEN_TEXTS,
    TOKENS,
    TOKENS_OF_TEXTS,
)
from fastback.kit.db.database import Dialect

LIST_MEMBERS = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM "group" WHERE id = :group_id
        UNION
        SELECT g.id FROM "group" g JOIN down ON g.parent_group_id = down.id
    )
    SELECT DISTINCT m.user_id FROM group_member m WHERE m.group_id IN (SELECT id FROM down)"""

_SECONDS = f"(CASE WHEN created_at > {MILLISECONDS_FROM} THEN created_at / 1000 ELSE created_at END)"
_MOMENT = f"(CASE WHEN {_SECONDS} BETWEEN {EARLIEST} AND :latest THEN {_SECONDS} ELSE :now END + :shift)"


@lru_cache(64)
def build_source(*, use_index: bool, has_start: bool, has_end: bool, has_members: bool) -> str:
    """Return the source of a sum with its conditions; the parameters are `start`, `end` and `members`.

    `use_index` names our index, which SQLite does not choose by itself.
    """
    hint = f"INDEXED BY {INDEX.name}" if use_index else ""
    conditions = ["role = 'assistant'"]
    if has_start:
        conditions.append("created_at >= :start")
    if has_end:
        conditions.append("created_at <= :end")
    if has_members:
        conditions.append("user_id = ANY(:members)")
    return f"FROM chat_message {hint} WHERE {' AND '.join(conditions)}"


def _build_token_source(source: str, dialect: Dialect) -> tuple[str, str, str]:
    """Return a source with the columns that sums of tokens read, and the expressions of input and output tokens.

    PostgreSQL parses the whole JSON for each value that is read from it, so each is read once, in a subquery.
    """
    if dialect == "sqlite":
        return source, *TOKENS[dialect]
    columns = ", ".join(f"{text} AS {name}" for name, text in TOKEN_TEXTS.items())
    return f"FROM (SELECT created_at, model_id, user_id, {columns} {source} OFFSET 0) m", *TOKENS_OF_TEXTS


@lru_cache(64)
def build_summary(source: str) -> str:
    """Return the statement of `Summary`; all messages without a user count as those of one user."""
    return f"""SELECT count(model_id), count(DISTINCT chat_id), count(DISTINCT model_id), count(DISTINCT user_id)
        + CASE WHEN count(*) > count(user_id) THEN 1 ELSE 0 END {source}"""


@lru_cache(64)
def build_model_usage(source: str) -> str:
    """Return the statement of `ModelUse`, the most used model first."""
    return f"""SELECT model_id, count(*), count(DISTINCT user_id), count(DISTINCT chat_id) {source}
        AND model_id IS NOT NULL GROUP BY model_id ORDER BY count(*) DESC, model_id"""


@lru_cache(64)
def build_token_usage(source: str, dialect: Dialect) -> str:
    """Return the statement of `TokenUse`, the model with the most tokens first."""
    rows, input_tokens, output_tokens = _build_token_source(f"{source} AND model_id IS NOT NULL", dialect)
    return f"""SELECT model_id, input_tokens, output_tokens, input_tokens + output_tokens, message_count FROM (
        SELECT model_id, CAST(COALESCE(sum({input_tokens}), 0) AS BIGINT) AS input_tokens,
            CAST(COALESCE(sum({output_tokens}), 0) AS BIGINT) AS output_tokens, count(*) AS message_count {rows}
        GROUP BY model_id) t ORDER BY input_tokens + output_tokens DESC, model_id"""


@lru_cache(64)
def build_user_usage(source: str, dialect: Dialect, *, by_tokens: bool) -> str:
    """Return the statement of `UserUse`, the users with the most messages or tokens first.

    Tokens of messages without a user do not count.
    """
    rows, input_tokens, output_tokens = _build_token_source(source, dialect)
    order = "input_tokens + output_tokens DESC, count DESC" if by_tokens else "count DESC"
    return f"""SELECT user_id, count, input_tokens, output_tokens FROM (
        SELECT user_id, count(*) AS count,
            CASE WHEN user_id IS NULL THEN 0 ELSE CAST(COALESCE(sum({input_tokens}), 0) AS BIGINT) END AS input_tokens,
            CASE WHEN user_id IS NULL THEN 0 ELSE CAST(COALESCE(sum({output_tokens}), 0) AS BIGINT) END AS output_tokens
        {rows} GROUP BY user_id) t ORDER BY {order}, user_id NULLS FIRST LIMIT :limit"""


def build_values_over_time(source: str, period: str, dialect: Dialect, *, tokens: bool) -> str:
    """Return the statement of `ModelValue`; `period` is the number of the period of `moment`, as SQL.

    An implausible time counts as `now`; times after `latest` are implausible.
    """
    rows, value = f"{source} AND model_id IS NOT NULL", "1"
    if tokens:
        rows, input_tokens, output_tokens = _build_token_source(rows, dialect)
        value = f"COALESCE({input_tokens}, 0) + COALESCE({output_tokens}, 0)"
    return f"""SELECT {period} AS at, model_id, CAST(sum(value) AS BIGINT)
        FROM (SELECT {_MOMENT} AS moment, model_id, {value} AS value {rows}) t
        GROUP BY at, model_id"""
