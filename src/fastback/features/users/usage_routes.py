"""`/api/v1/users/usage`: the caller's own usage of models, for the page "Usage"."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import msgspec
from msgspec import Meta

from fastback.access.guards import VerifiedUser
from fastback.features.users import store, usage, usage_store
from fastback.features.users.usage import Day, ModelUse, PeriodUsage, ToolUse
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/users")

_DAY = 86400


class Totals(msgspec.Struct):
    lifetime_tokens: int
    input_tokens: int
    output_tokens: int
    peak_daily_tokens: int
    longest_chat_seconds: int
    current_streak: int
    longest_streak: int
    total_chats: int
    active_days: int
    models_used: int
    messages: int
    user_messages: int
    assistant_messages: int


class Insights(msgspec.Struct):
    """Averages, and shares in percent."""

    most_used_model: str | None
    average_tokens_per_chat: float
    average_messages_per_active_day: float
    user_message_share: float
    assistant_message_share: float


class Period(msgspec.Struct):
    start_date: int
    end_date: int
    days: int


class Usage(msgspec.Struct):
    totals: Totals
    heatmap: list[Day]
    weekly_heatmap: list[Day]
    cumulative_heatmap: list[Day]
    insights: Insights
    top_models: list[ModelUse]
    top_tools: list[ToolUse]
    period: Period


def _compute_ratio(part: float, total: float) -> float:
    return round(part / total, 1) if total else 0.0


def _build_usage(
    summary: PeriodUsage,
    lifetime: usage_store.Lifetime,
    times: usage_store.ChatTimes,
    tool_messages: list[tuple[str | None, str | None]],
    period: Period,
) -> Usage:
    days = summary.days
    current, longest = usage.measure_streaks(days)
    tokens = lifetime.input_tokens + lifetime.output_tokens
    return Usage(
        totals=Totals(
            lifetime_tokens=tokens,
            input_tokens=lifetime.input_tokens,
            output_tokens=lifetime.output_tokens,
            peak_daily_tokens=max((day.tokens for day in days), default=0),
            longest_chat_seconds=times.longest,
            current_streak=current,
            longest_streak=longest,
            total_chats=times.chats,
            active_days=summary.active_days,
            models_used=lifetime.models,
            messages=summary.messages,
            user_messages=summary.user_messages,
            assistant_messages=summary.assistant_messages,
        ),
        heatmap=days,
        weekly_heatmap=usage.sum_weeks(days),
        cumulative_heatmap=usage.accumulate_days(days),
        insights=Insights(
            most_used_model=summary.top_models[0].model_id if summary.top_models else None,
            average_tokens_per_chat=_compute_ratio(tokens, times.chats),
            average_messages_per_active_day=_compute_ratio(summary.messages, summary.active_days),
            user_message_share=_compute_ratio(100 * summary.user_messages, summary.messages),
            assistant_message_share=_compute_ratio(100 * summary.assistant_messages, summary.messages),
        ),
        top_models=summary.top_models,
        top_tools=usage.count_tools(tool_messages),
        period=period,
    )


@router.get("/usage")
async def get_own_usage(
    user: VerifiedUser,
    db: Database,
    days: Annotated[int, Meta(ge=7, le=732)] | None = None,
    start_date: int | None = None,
    end_date: int | None = None,
) -> Usage:
    end = end_date or int(time.time())
    start = end - ((days or 730) - 1) * _DAY if start_date is None else start_date
    if start > end:
        raise BadRequest("start_date must be before end_date")
    period = Period(start, end, max(1, (end - start) // _DAY + 1))
    tz = usage.get_timezone(await store.find_timezone(db, user.id))
    slots = await usage_store.list_slots(db, user.id, start, end)
    lifetime = await usage_store.sum_lifetime(db, user.id)
    times = await usage_store.measure_chats(db, user.id)
    tool_messages = await usage_store.list_tool_messages(db, user.id, start, end)

    def build() -> Usage:
        return _build_usage(usage.sum_period(slots, start, end, tz), lifetime, times, tool_messages, period)

    # Messages of years would hold up the event loop.
    return await asyncio.to_thread(build)
