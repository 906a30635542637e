"""`/api/v1/users/usage`: one's own use of models, for the page "Usage"."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import msgspec
from msgspec import Meta

from fastback.access.guards import VerifiedUser
from fastback.features.users import store, usage, usage_store
from fastback.features.users.usage import Day, Days, ModelUse, ToolUse
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
    """Averages, and shares in per cent."""

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


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 1) if whole else 0.0


def _answer(
    days: Days,
    lifetime: usage_store.Lifetime,
    times: usage_store.ChatTimes,
    called: list[tuple[str | None, str | None]],
    period: Period,
) -> Usage:
    current, longest = usage.streaks(days.days)
    tokens = lifetime.input_tokens + lifetime.output_tokens
    return Usage(
        totals=Totals(
            lifetime_tokens=tokens,
            input_tokens=lifetime.input_tokens,
            output_tokens=lifetime.output_tokens,
            peak_daily_tokens=max((day.tokens for day in days.days), default=0),
            longest_chat_seconds=times.longest,
            current_streak=current,
            longest_streak=longest,
            total_chats=times.chats,
            active_days=days.active_days,
            models_used=lifetime.models,
            messages=days.messages,
            user_messages=days.user_messages,
            assistant_messages=days.assistant_messages,
        ),
        heatmap=days.days,
        weekly_heatmap=usage.weeks(days.days),
        cumulative_heatmap=usage.cumulated(days.days),
        insights=Insights(
            most_used_model=days.top_models[0].model_id if days.top_models else None,
            average_tokens_per_chat=_ratio(tokens, times.chats),
            average_messages_per_active_day=_ratio(days.messages, days.active_days),
            user_message_share=_ratio(100 * days.user_messages, days.messages),
            assistant_message_share=_ratio(100 * days.assistant_messages, days.messages),
        ),
        top_models=days.top_models,
        top_tools=usage.tools(called),
        period=period,
    )


@router.get("/usage")
async def my_usage(
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
    tz = usage.zone(await store.find_timezone(db, user.id))
    slots = await usage_store.slots(db, user.id, start, end)
    lifetime = await usage_store.lifetime(db, user.id)
    times = await usage_store.chat_times(db, user.id)
    called = await usage_store.called(db, user.id, start, end)

    def made() -> Usage:
        return _answer(usage.days(slots, start, end, tz), lifetime, times, called, period)

    return await asyncio.to_thread(made)  # years of messages take more than a moment
