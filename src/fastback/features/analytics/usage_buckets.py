"""The same sums over sittings, see `rollup`: whole ones where they lie within the bounds, else their messages."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.analytics.aggregates import ModelUse, ModelValue, Summary, TokenUse, UsageFilter, UserUse
from fastback.features.analytics.message_columns import TOKENS
from fastback.features.analytics.rollup import SLOT, WIDTH
from fastback.kit.db.derived_tables import DerivedTables

_A_DAY = 86_400
_GIVEN, _MADE = (one.replace("usage", "m.usage") for one in TOKENS["sqlite"])
#: Sittings that begin before the bounds, or end after them.
_CUT = "((s.first < :start AND s.last >= :start) OR (s.first <= :end AND s.last > :end))"
_BOUNDED = f"""(
    SELECT chat, slot, model, user, n, i, o FROM sitting WHERE first >= :start AND last <= :end
    UNION ALL
    SELECT s.chat, s.slot, s.model, s.user, 1, COALESCE({_GIVEN}, 0), COALESCE({_MADE}, 0)
    FROM sitting s CROSS JOIN chat c ON c.id = s.chat CROSS JOIN main_database.chat_message m ON m.chat_id = c.text
    LEFT JOIN model a ON a.text = m.model_id LEFT JOIN user u ON u.text = m.user_id
    WHERE {_CUT} AND m.role = 'assistant' AND m.created_at BETWEEN :start AND :end
        AND {SLOT} = s.slot AND COALESCE(a.id, 0) = s.model AND COALESCE(u.id, 0) = s.user)"""
_MODEL = "(SELECT text FROM model WHERE id = model)"
_LARGEST = 2**62


class _Reach(msgspec.Struct):
    first: int | None
    last: int | None
    timeless: int


class BucketStatistics:
    """Sums over the sittings that `chosen` names; `members` are the users of its group."""

    def __init__(self, tables: DerivedTables, chosen: UsageFilter, members: list[str] | None) -> None:
        self._tables = tables
        self._chosen = chosen
        self._members = members

    async def _source(self, index: str) -> tuple[str, dict[str, Any]]:
        """From where, under which condition, with which parameters; through an index where all of it counts."""
        source, params = f"sitting INDEXED BY {index}", dict[str, Any]()
        start, end = self._chosen.start, self._chosen.end
        if start or end:
            text = "SELECT min(first), max(last), count(*) - count(first) FROM sitting"
            reach = (await self._tables.fetch_all_in_thread(_Reach, "usage.reach", text))[0]
            start = max(start or -_LARGEST, -_LARGEST)
            end = min(end or _LARGEST, _LARGEST)
            all_of_it = reach.first is None or (start <= reach.first and (reach.last or 0) <= end)
            if reach.timeless or not all_of_it:
                source = _BOUNDED
                params |= {"start": start, "end": end}
        condition = "TRUE"
        if self._members is not None:
            condition = "user IN (SELECT id FROM user WHERE text IN (SELECT value FROM json_each(:members)))"
            params["members"] = msgspec.json.encode(self._members).decode()
        return f"FROM {source} WHERE {condition}", params

    async def get_summary(self) -> Summary:
        source, params = await self._source("by_model")
        if params:
            text = f"""SELECT COALESCE(sum(CASE WHEN model <> 0 THEN n END), 0), count(DISTINCT chat),
                count(DISTINCT NULLIF(model, 0)), count(DISTINCT user) {source}"""
        else:
            text = """SELECT (SELECT COALESCE(sum(n), 0) FROM sitting INDEXED BY by_model WHERE model <> 0),
                (SELECT count(*) FROM (SELECT DISTINCT chat FROM sitting NOT INDEXED)),
                (SELECT count(*) FROM (SELECT DISTINCT model FROM sitting INDEXED BY by_model WHERE model <> 0)),
                (SELECT count(*) FROM (SELECT DISTINCT user FROM sitting INDEXED BY by_user))"""
        return (await self._tables.fetch_all_in_thread(Summary, "usage.summary", text, **params))[0]

    async def list_model_usage(self) -> list[ModelUse]:
        source, params = await self._source("by_model")
        # Chats of a model follow each other: counting them needs no memory of those that were.
        text = f"""SELECT {_MODEL} AS name, n, users, chats FROM (
                SELECT model, sum(n) AS n, count(DISTINCT NULLIF(user, 0)) AS users {source}
                AND model <> 0 GROUP BY model) t
            JOIN (SELECT model AS same, count(*) AS chats FROM (SELECT DISTINCT model, chat {source} AND model <> 0)
                GROUP BY model) c ON same = model
            ORDER BY n DESC, name"""
        return await self._tables.fetch_all_in_thread(ModelUse, "usage.models", text, **params)

    async def list_token_usage(self) -> list[TokenUse]:
        source, params = await self._source("by_model")
        text = f"""SELECT {_MODEL} AS name, i, o, i + o, n FROM (
            SELECT model, sum(i) AS i, sum(o) AS o, sum(n) AS n {source}
            AND model <> 0 GROUP BY model) t ORDER BY i + o DESC, name"""
        return await self._tables.fetch_all_in_thread(TokenUse, "usage.tokens", text, **params)

    async def list_user_usage(self, *, by_tokens: bool, limit: int) -> list[UserUse]:
        source, params = await self._source("by_user")
        order = "i + o DESC, n DESC" if by_tokens else "n DESC"
        text = f"""SELECT (SELECT text FROM user WHERE id = user) AS name, n, i, o FROM (
            SELECT user, sum(n) AS n, CASE WHEN user <> 0 THEN sum(i) ELSE 0 END AS i,
                CASE WHEN user <> 0 THEN sum(o) ELSE 0 END AS o {source} GROUP BY user) t
            ORDER BY {order}, name NULLS FIRST LIMIT :limit"""
        return await self._tables.fetch_all_in_thread(UserUse, "usage.users", text, limit=limit, **params)

    async def list_values_over_time(self, stretch: str, *, tokens: bool, shift: int, now: int) -> list[ModelValue]:
        """`stretch` is the number of the local stretch of `moment`, as SQL."""
        source, params = await self._source("by_slot")
        value = "i + o" if tokens else "n"
        moment = f"CASE WHEN slot BETWEEN 0 AND :latest / {WIDTH} THEN slot * {WIDTH} ELSE :now END + :shift"
        text = f"""SELECT stretch, {_MODEL} AS name, value FROM (
            SELECT {stretch} AS stretch, model, sum(value) AS value
            FROM (SELECT {moment} AS moment, model, {value} AS value {source} AND model <> 0)
            GROUP BY stretch, model) ORDER BY stretch, name"""
        params |= {"latest": now + _A_DAY, "now": now, "shift": shift}
        return await self._tables.fetch_all_in_thread(ModelValue, "usage.over_time", text, **params)
