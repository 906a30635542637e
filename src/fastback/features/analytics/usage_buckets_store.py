"""Statements that sum up usage buckets (see `rollup_store`), on SQLite.

Each statement has variants, by two flags: `is_bounded` sums up only messages between `start` and `end`, reading single
messages where a bound divides a bucket; `has_members` sums up only the users in the JSON list `members`.
"""

from __future__ import annotations

import msgspec

from fastback.features.analytics.rollup_store import INPUT_TOKENS, OUTPUT_TOKENS, SLOT, WIDTH

#: Buckets that begin before the bounds, or end after them.
_IS_DIVIDED = "((s.first < :start AND s.last >= :start) OR (s.first <= :end AND s.last > :end))"
_BOUNDED = f"""(
    SELECT chat, slot, model, user, n, i, o FROM sitting WHERE first >= :start AND last <= :end
    UNION ALL
    SELECT s.chat, s.slot, s.model, s.user, 1, COALESCE({INPUT_TOKENS}, 0), COALESCE({OUTPUT_TOKENS}, 0)
    FROM sitting s CROSS JOIN chat c ON c.id = s.chat CROSS JOIN main_database.chat_message m ON m.chat_id = c.text
    LEFT JOIN model a ON a.text = m.model_id LEFT JOIN user u ON u.text = m.user_id
    WHERE {_IS_DIVIDED} AND m.role = 'assistant' AND m.created_at BETWEEN :start AND :end
        AND {SLOT} = s.slot AND COALESCE(a.id, 0) = s.model AND COALESCE(u.id, 0) = s.user)"""
_IS_MEMBER = "user IN (SELECT id FROM user WHERE text IN (SELECT value FROM json_each(:members)))"
_MODEL_NAME = "(SELECT text FROM model WHERE id = model)"
_MOMENT = f"CASE WHEN slot BETWEEN 0 AND :latest / {WIDTH} THEN slot * {WIDTH} ELSE :now END + :shift"

#: The values of `is_bounded` and `has_members`.
_VARIANTS = ((False, False), (False, True), (True, False), (True, True))


class TimeRange(msgspec.Struct):
    """The first and the last time of all buckets, and the number of buckets without a time."""

    first: int | None
    last: int | None
    timeless: int


def _build_source(index: str, is_bounded: bool, has_members: bool) -> str:
    source = _BOUNDED if is_bounded else f"sitting INDEXED BY {index}"
    return f"FROM {source} WHERE {_IS_MEMBER if has_members else 'TRUE'}"


def _build_summary(is_bounded: bool, has_members: bool) -> str:
    if not is_bounded and not has_members:
        return """SELECT (SELECT COALESCE(sum(n), 0) FROM sitting INDEXED BY by_model WHERE model <> 0),
            (SELECT count(*) FROM (SELECT DISTINCT chat FROM sitting NOT INDEXED)),
            (SELECT count(*) FROM (SELECT DISTINCT model FROM sitting INDEXED BY by_model WHERE model <> 0)),
            (SELECT count(*) FROM (SELECT DISTINCT user FROM sitting INDEXED BY by_user))"""
    return f"""SELECT COALESCE(sum(CASE WHEN model <> 0 THEN n END), 0), count(DISTINCT chat),
        count(DISTINCT NULLIF(model, 0)), count(DISTINCT user) {_build_source("by_model", is_bounded, has_members)}"""


def _build_model_usage(is_bounded: bool, has_members: bool) -> str:
    source = _build_source("by_model", is_bounded, has_members)
    # The chats of a model follow each other in the index: counting them needs no memory of earlier ones.
    return f"""SELECT {_MODEL_NAME} AS model_id, count, unique_users, unique_chats FROM (
            SELECT model, sum(n) AS count, count(DISTINCT NULLIF(user, 0)) AS unique_users {source}
            AND model <> 0 GROUP BY model) t
        JOIN (SELECT model AS same, count(*) AS unique_chats FROM (SELECT DISTINCT model, chat {source} AND model <> 0)
            GROUP BY model) c ON same = model
        ORDER BY count DESC, model_id"""


def _build_token_usage(is_bounded: bool, has_members: bool) -> str:
    source = _build_source("by_model", is_bounded, has_members)
    return f"""SELECT {_MODEL_NAME} AS model_id,
            input_tokens, output_tokens, input_tokens + output_tokens, message_count
        FROM (SELECT model, sum(i) AS input_tokens, sum(o) AS output_tokens, sum(n) AS message_count {source}
            AND model <> 0 GROUP BY model) t
        ORDER BY input_tokens + output_tokens DESC, model_id"""


def _build_user_usage(order: str, is_bounded: bool, has_members: bool) -> str:
    source = _build_source("by_user", is_bounded, has_members)
    return f"""SELECT (SELECT text FROM user WHERE id = user) AS user_id, count, input_tokens, output_tokens FROM (
        SELECT user, sum(n) AS count, CASE WHEN user <> 0 THEN sum(i) ELSE 0 END AS input_tokens,
            CASE WHEN user <> 0 THEN sum(o) ELSE 0 END AS output_tokens {source}
        GROUP BY user) t
        ORDER BY {order}, user_id NULLS FIRST LIMIT :limit"""


GET_TIME_RANGE_SQLITE = "SELECT min(first), max(last), count(*) - count(first) FROM sitting"
GET_SUMMARY_SQLITE = {variant: _build_summary(*variant) for variant in _VARIANTS}
LIST_MODEL_USAGE_SQLITE = {variant: _build_model_usage(*variant) for variant in _VARIANTS}
LIST_TOKEN_USAGE_SQLITE = {variant: _build_token_usage(*variant) for variant in _VARIANTS}
LIST_USER_USAGE_SQLITE = {variant: _build_user_usage("count DESC", *variant) for variant in _VARIANTS}
LIST_USER_USAGE_BY_TOKENS_SQLITE = {
    variant: _build_user_usage("input_tokens + output_tokens DESC, count DESC", *variant) for variant in _VARIANTS
}


def build_values_over_time(period: str, *, tokens: bool, is_bounded: bool, has_members: bool) -> str:
    """Return the statement of `ModelValue`; `period` is the number of the period of `moment`, as SQL.

    An implausible time counts as `now`; times after `latest` are implausible.
    """
    source = _build_source("by_slot", is_bounded, has_members)
    value = "i + o" if tokens else "n"
    return f"""SELECT stretch AS at, {_MODEL_NAME} AS model_id, value FROM (
        SELECT {period} AS stretch, model, sum(value) AS value
        FROM (SELECT {_MOMENT} AS moment, model, {value} AS value {source} AND model <> 0)
        GROUP BY stretch, model) ORDER BY at, model_id"""
