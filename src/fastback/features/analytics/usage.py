"""Sums over the answers in `chat_message`: how many, by whom, of which models, how many tokens.

Half of a large database's rows are read for such a sum, so there is an index that holds every column it needs; the
statements run away from the event loop.
"""

from __future__ import annotations

import time

from fastback.features.analytics.aggregates import ModelUse, ModelValue, Summary, TokenUse, UsageFilter, UserUse
from fastback.features.analytics.local_time import build_period_expression
from fastback.features.analytics.message_columns import EARLIEST, INDEX, MILLISECONDS_FROM, TOKENS
from fastback.features.analytics.rollup import WIDTH, Rollup
from fastback.features.analytics.usage_buckets import BucketStatistics
from fastback.kit.db import Database

_MEMBERS = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM "group" WHERE id = :group_id
        UNION
        SELECT g.id FROM "group" g JOIN down ON g.parent_group_id = down.id
    )
    SELECT DISTINCT m.user_id FROM group_member m JOIN down ON m.group_id = down.id"""


_A_DAY = 86_400
_LARGEST = 2**62
#: For times that are longer than this (seconds) sittings are asked.
LONG = 32 * _A_DAY


class UsageStatistics:
    """Runs such sums. `indexed` says that the index is there: SQLite does not find it by itself.

    Where a question is about more than `LONG` seconds, sittings answer it, if there are any.
    """

    def __init__(self, db: Database, rollup: Rollup | None = None) -> None:
        self.db = db
        self.indexed = False
        self._rollup = rollup

    async def _sittings(self, chosen: UsageFilter) -> BucketStatistics | None:
        """Sums over sittings, for long times where they are kept."""
        if self._rollup is None or (chosen.start and (chosen.end or time.time()) - chosen.start < LONG):
            return None
        tables = await self._rollup.find_tables()
        if tables is None:
            return None
        return BucketStatistics(tables, chosen, await self._members(chosen) if chosen.group_id else None)

    async def _members(self, chosen: UsageFilter) -> list[str]:
        return await self.db.fetch_all(str, "analytics.members", _MEMBERS, group_id=chosen.group_id)

    async def _source(self, chosen: UsageFilter) -> tuple[str, dict[str, object]]:
        """From where, under which conditions, with which parameters."""
        hint = f"INDEXED BY {INDEX.name}" if self.indexed and self.db.dialect == "sqlite" else ""
        text = f"FROM chat_message {hint} WHERE role = 'assistant'"
        params: dict[str, object] = {}
        for name, sign, value in (("start", ">=", chosen.start), ("end", "<=", chosen.end)):
            if value:
                text += f" AND created_at {sign} :{name}"
                params[name] = max(-_LARGEST, min(value, _LARGEST))
        if chosen.group_id:
            text += " AND user_id = ANY(:members)"
            params["members"] = await self._members(chosen)
        return text, params

    async def get_summary(self, chosen: UsageFilter) -> Summary:
        if (sittings := await self._sittings(chosen)) is not None:
            return await sittings.get_summary()
        source, params = await self._source(chosen)
        # Messages of nobody count as those of one user.
        text = f"""SELECT count(model_id), count(DISTINCT chat_id), count(DISTINCT model_id), count(DISTINCT user_id)
            + CASE WHEN count(*) > count(user_id) THEN 1 ELSE 0 END {source}"""
        return (await self.db.fetch_all_in_thread(Summary, "analytics.summary", text, **params))[0]

    async def list_model_usage(self, chosen: UsageFilter) -> list[ModelUse]:
        """The most used first."""
        if (sittings := await self._sittings(chosen)) is not None:
            return await sittings.list_model_usage()
        source, params = await self._source(chosen)
        text = f"""SELECT model_id, count(*), count(DISTINCT user_id), count(DISTINCT chat_id) {source}
            AND model_id IS NOT NULL GROUP BY model_id ORDER BY count(*) DESC, model_id"""
        return await self.db.fetch_all_in_thread(ModelUse, "analytics.models", text, **params)

    async def list_token_usage(self, chosen: UsageFilter) -> list[TokenUse]:
        """The largest eaters first."""
        if (sittings := await self._sittings(chosen)) is not None:
            return await sittings.list_token_usage()
        source, params = await self._source(chosen)
        given, made = TOKENS[self.db.dialect]
        text = f"""SELECT model_id, i, o, i + o, n FROM (
            SELECT model_id, CAST(COALESCE(sum({given}), 0) AS BIGINT) AS i,
                CAST(COALESCE(sum({made}), 0) AS BIGINT) AS o, count(*) AS n {source}
            AND model_id IS NOT NULL GROUP BY model_id) t ORDER BY i + o DESC, model_id"""
        return await self.db.fetch_all_in_thread(TokenUse, "analytics.tokens", text, **params)

    async def list_user_usage(self, chosen: UsageFilter, *, by_tokens: bool, limit: int) -> list[UserUse]:
        """Those who used most, by messages or by tokens. Tokens of nobody do not count."""
        if (sittings := await self._sittings(chosen)) is not None:
            return await sittings.list_user_usage(by_tokens=by_tokens, limit=limit)
        source, params = await self._source(chosen)
        given, made = TOKENS[self.db.dialect]
        order = "i + o DESC, n DESC" if by_tokens else "n DESC"
        text = f"""SELECT user_id, n, i, o FROM (
            SELECT user_id, count(*) AS n,
                CASE WHEN user_id IS NULL THEN 0 ELSE CAST(COALESCE(sum({given}), 0) AS BIGINT) END AS i,
                CASE WHEN user_id IS NULL THEN 0 ELSE CAST(COALESCE(sum({made}), 0) AS BIGINT) END AS o
            {source} GROUP BY user_id) t ORDER BY {order}, user_id NULLS FIRST LIMIT :limit"""
        return await self.db.fetch_all_in_thread(UserUse, "analytics.users", text, limit=limit, **params)

    async def list_values_over_time(
        self, chosen: UsageFilter, *, minutes: int, tokens: bool, shift: int = 0
    ) -> list[ModelValue]:
        """Messages or tokens in local stretches of `minutes`, times moved by `shift` seconds first; in order."""
        now = int(time.time())
        first, last = (min(max(one or other, EARLIEST), now) for one, other in ((chosen.start, 0), (chosen.end, now)))
        # What bears no time counts as now.
        stretch = build_period_expression("moment", minutes, first + shift, max(last, now) + shift + _A_DAY)
        if minutes * 60 >= WIDTH and (sittings := await self._sittings(chosen)) is not None:
            return await sittings.list_values_over_time(stretch, tokens=tokens, shift=shift, now=now)
        source, params = await self._source(chosen)
        given, made = TOKENS[self.db.dialect]
        value = f"COALESCE({given}, 0) + COALESCE({made}, 0)" if tokens else "1"
        seconds = f"(CASE WHEN created_at > {MILLISECONDS_FROM} THEN created_at / 1000 ELSE created_at END)"
        moment = f"(CASE WHEN {seconds} BETWEEN {EARLIEST} AND :latest THEN {seconds} ELSE :now END + :shift)"
        text = f"""SELECT {stretch} AS stretch, model_id, CAST(sum(value) AS BIGINT)
            FROM (SELECT {moment} AS moment, model_id, {value} AS value {source} AND model_id IS NOT NULL) t
            GROUP BY stretch, model_id ORDER BY stretch, model_id"""
        params |= {"latest": now + _A_DAY, "now": now, "shift": shift}
        return await self.db.fetch_all_in_thread(ModelValue, "analytics.over_time", text, **params)
