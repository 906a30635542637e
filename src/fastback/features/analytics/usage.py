"""Sums over answers: how many, by which users and models, with how many tokens; each runs in a thread."""

from __future__ import annotations

import time

from fastback.features.analytics import usage_store
from fastback.features.analytics.aggregates import ModelUse, ModelValue, Summary, TokenUse, UsageFilter, UserUse
from fastback.features.analytics.local_time import build_period_expression
from fastback.features.analytics.message_columns import EARLIEST
from fastback.features.analytics.rollup import Rollup
from fastback.features.analytics.rollup_store import WIDTH
from fastback.features.analytics.usage_buckets import BucketStatistics
from fastback.kit.db import Database

_A_DAY = 86_400
#: Bounds are limited to what both databases can store.
_MAX_TIME = 2**62
#: Sums over more seconds than this are read from buckets.
LONG = 32 * _A_DAY


class UsageStatistics:
    """Computes sums over answers: from buckets over more than `LONG` seconds where there are any, else from messages.

    `indexed` tells that the index exists, which SQLite does not choose by itself.
    """

    def __init__(self, db: Database, rollup: Rollup | None = None) -> None:
        self.db = db
        self.indexed = False
        self._rollup = rollup

    async def _find_buckets(self, usage_filter: UsageFilter) -> BucketStatistics | None:
        """Return the sums over buckets; None for a short time, or where buckets are not available."""
        start, end = usage_filter.start, usage_filter.end
        if self._rollup is None or (start and (end or time.time()) - start < LONG):
            return None
        tables = await self._rollup.find_tables()
        if tables is None:
            return None
        members = await self._list_members(usage_filter) if usage_filter.group_id else None
        return BucketStatistics(tables, usage_filter, members)

    async def _list_members(self, usage_filter: UsageFilter) -> list[str]:
        return await self.db.fetch_all(
            str, "analytics.list_members", usage_store.LIST_MEMBERS, group_id=usage_filter.group_id
        )

    async def _build_source(self, usage_filter: UsageFilter) -> tuple[str, dict[str, object]]:
        """Return the source of a sum and its parameters; a bound of 0 does not count."""
        params: dict[str, object] = {}
        for name, bound in (("start", usage_filter.start), ("end", usage_filter.end)):
            if bound:
                params[name] = max(-_MAX_TIME, min(bound, _MAX_TIME))
        if usage_filter.group_id:
            params["members"] = await self._list_members(usage_filter)
        source = usage_store.build_source(
            use_index=self.indexed and self.db.dialect == "sqlite",
            has_start="start" in params,
            has_end="end" in params,
            has_members="members" in params,
        )
        return source, params

    async def get_summary(self, usage_filter: UsageFilter) -> Summary:
        """Return the numbers of messages, chats, models and users."""
        if (buckets := await self._find_buckets(usage_filter)) is not None:
            return await buckets.get_summary()
        source, params = await self._build_source(usage_filter)
        text = usage_store.build_summary(source)
        return (await self.db.fetch_all_in_thread(Summary, "analytics.get_summary", text, **params))[0]

    async def list_model_usage(self, usage_filter: UsageFilter) -> list[ModelUse]:
        """List the models with their numbers of answers, users and chats, the most used first."""
        if (buckets := await self._find_buckets(usage_filter)) is not None:
            return await buckets.list_model_usage()
        source, params = await self._build_source(usage_filter)
        text = usage_store.build_model_usage(source)
        return await self.db.fetch_all_in_thread(ModelUse, "analytics.list_models", text, **params)

    async def list_token_usage(self, usage_filter: UsageFilter) -> list[TokenUse]:
        """List the models with their tokens, the one with the most tokens first."""
        if (buckets := await self._find_buckets(usage_filter)) is not None:
            return await buckets.list_token_usage()
        source, params = await self._build_source(usage_filter)
        text = usage_store.build_token_usage(source, self.db.dialect)
        return await self.db.fetch_all_in_thread(TokenUse, "analytics.list_tokens", text, **params)

    async def list_user_usage(self, usage_filter: UsageFilter, *, by_tokens: bool, limit: int) -> list[UserUse]:
        """List the users with the most messages or tokens. Tokens of messages without a user do not count."""
        if (buckets := await self._find_buckets(usage_filter)) is not None:
            return await buckets.list_user_usage(by_tokens=by_tokens, limit=limit)
        source, params = await self._build_source(usage_filter)
        text = usage_store.build_user_usage(source, self.db.dialect, by_tokens=by_tokens)
        return await self.db.fetch_all_in_thread(UserUse, "analytics.list_users", text, limit=limit, **params)

    async def list_values_over_time(
        self, usage_filter: UsageFilter, *, minutes: int, tokens: bool, shift: int = 0
    ) -> list[ModelValue]:
        """List the messages or tokens of each model in periods of `minutes` of local time, in any order.

        `shift` (seconds) is added to the times first.
        """
        now = int(time.time())
        bounds = ((usage_filter.start, 0), (usage_filter.end, now))
        first, last = (min(max(bound or default, EARLIEST), now) for bound, default in bounds)
        # A message without a time counts as now.
        period = build_period_expression("moment", minutes, first + shift, max(last, now) + shift + _A_DAY)
        if minutes * 60 >= WIDTH and (buckets := await self._find_buckets(usage_filter)) is not None:
            return await buckets.list_values_over_time(period, tokens=tokens, shift=shift, now=now)
        source, params = await self._build_source(usage_filter)
        text = usage_store.build_values_over_time(source, period, self.db.dialect, tokens=tokens)
        params |= {"latest": now + _A_DAY, "now": now, "shift": shift}
        return await self.db.fetch_all_in_thread(ModelValue, "analytics.list_values_over_time", text, **params)
