"""The sums of `usage` over buckets: whole buckets within the bounds, single messages where a bound divides a bucket."""

from __future__ import annotations

from typing import Any

from fastback.features.analytics import usage_buckets_store
from fastback.features.analytics.aggregates import ModelUse, ModelValue, Summary, TokenUse, UsageFilter, UserUse
from fastback.features.analytics.usage_buckets_store import TimeRange
from fastback.kit.db.derived_tables import DerivedTables

_A_DAY = 86_400
_MAX_TIME = 2**62


class BucketStatistics:
    """Computes sums over buckets; `members` are the users of the filter's group, None without one."""

    def __init__(self, tables: DerivedTables, usage_filter: UsageFilter, members: list[str] | None) -> None:
        self._tables = tables
        self._filter = usage_filter
        self._members = members

    async def _choose_variant(self) -> tuple[tuple[bool, bool], dict[str, Any]]:
        """Return the variant of the statements and its parameters; bounds that include all buckets are left out."""
        params: dict[str, Any] = {}
        start, end = self._filter.start, self._filter.end
        if start or end:
            text = usage_buckets_store.GET_TIME_RANGE[self._tables.dialect]
            time_range = (await self._tables.fetch_all_in_thread(TimeRange, "usage.get_time_range", text))[0]
            start = max(start or -_MAX_TIME, -_MAX_TIME)
            end = min(end or _MAX_TIME, _MAX_TIME)
            includes_all = time_range.first is None or (start <= time_range.first and (time_range.last or 0) <= end)
            if time_range.has_timeless or not includes_all:
                params = {"start": start, "end": end}
        if self._members is not None:
            params["members"] = self._members
        return ("start" in params, "members" in params), params

    async def get_summary(self) -> Summary:
        """Return the numbers of messages, chats, models and users."""
        variant, params = await self._choose_variant()
        text = usage_buckets_store.build_summary(self._tables.dialect, *variant)
        return (await self._tables.fetch_all_in_thread(Summary, "usage.get_summary", text, **params))[0]

    async def list_model_usage(self) -> list[ModelUse]:
        """List the models with their numbers of answers, users and chats, the most used first."""
        variant, params = await self._choose_variant()
        text = usage_buckets_store.build_model_usage(self._tables.dialect, *variant)
        return await self._tables.fetch_all_in_thread(ModelUse, "usage.list_models", text, **params)

    async def list_token_usage(self) -> list[TokenUse]:
        """List the models with their tokens, the one with the most tokens first."""
        variant, params = await self._choose_variant()
        text = usage_buckets_store.build_token_usage(self._tables.dialect, *variant)
        return await self._tables.fetch_all_in_thread(TokenUse, "usage.list_tokens", text, **params)

    async def list_user_usage(self, *, by_tokens: bool, limit: int) -> list[UserUse]:
        """List the users with the most messages or tokens. Tokens of messages without a user do not count."""
        variant, params = await self._choose_variant()
        params["limit"] = limit
        text = usage_buckets_store.build_user_usage(self._tables.dialect, *variant, by_tokens=by_tokens)
        return await self._tables.fetch_all_in_thread(UserUse, "usage.list_users", text, **params)

    async def list_values_over_time(self, period: str, *, tokens: bool, shift: int, now: int) -> list[ModelValue]:
        """List the messages or tokens of each model by period, in any order.

        `period` is the number of the period of `moment`, as SQL; `shift` (seconds) is added to the times first.
        """
        (is_bounded, has_members), params = await self._choose_variant()
        text = usage_buckets_store.build_values_over_time(
            self._tables.dialect, period, tokens=tokens, is_bounded=is_bounded, has_members=has_members
        )
        params |= {"latest": now + _A_DAY, "now": now, "shift": shift}
        return await self._tables.fetch_all_in_thread(ModelValue, "usage.list_values_over_time", text, **params)
