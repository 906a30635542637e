"""`/api/v1/analytics`: usage of the server, for administrators."""

from __future__ import annotations

import asyncio
import datetime
from collections import Counter
from typing import Annotated, Literal

import msgspec

from fastback.access.guards import AdminUser
from fastback.features.analytics import store
from fastback.features.analytics.aggregates import ModelUse, Summary, TokenUse, UsageFilter
from fastback.features.analytics.chart import MAX_POINTS, Chart, Granularity, Point
from fastback.features.analytics.usage import UsageStatistics
from fastback.features.evaluations import store as feedback
from fastback.features.evaluations import win_history
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/analytics")

Page = Annotated[int, msgspec.Meta(le=100)]
Metric = Literal["messages", "tokens"]
#: The longest history that can be requested, in days.
MAX_DAYS = 36500
TOP_TAGS = 10


@router.get("/summary")
async def get_summary(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
) -> Summary:
    return await usage.get_summary(UsageFilter(start_date, end_date, group_id))


class ModelUsageList(msgspec.Struct):
    models: list[ModelUse]


@router.get("/models")
async def list_model_usage(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
) -> ModelUsageList:
    return ModelUsageList(await usage.list_model_usage(UsageFilter(start_date, end_date, group_id)))


class UserEntry(msgspec.Struct):
    """The usage of one user; `name` and `email` are None where the account was deleted."""

    user_id: str
    name: str | None
    email: str | None
    count: int
    input_tokens: int
    output_tokens: int
    total_tokens: int


class UserUsageList(msgspec.Struct):
    users: list[UserEntry]


@router.get("/users")
async def list_user_usage(
    user: AdminUser,
    usage: UsageStatistics,
    db: Database,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
    limit: int = 50,
    metric: Metric = "messages",
) -> UserUsageList:
    usage_filter = UsageFilter(start_date, end_date, group_id)
    rows = await usage.list_user_usage(usage_filter, by_tokens=metric == "tokens", limit=min(max(limit, 0), 100_000))
    contacts = await store.list_contacts(db, [row.user_id for row in rows if row.user_id])
    entries = []
    for row in rows:
        if row.user_id is not None:
            contact = contacts.get(row.user_id)
            name, email = (contact.name, contact.email) if contact else (None, None)
            total = row.input_tokens + row.output_tokens
            entries.append(UserEntry(row.user_id, name, email, row.count, row.input_tokens, row.output_tokens, total))
    return UserUsageList(entries)


@router.get("/messages")
async def list_messages(
    user: AdminUser,
    db: Database,
    model_id: str | None = None,
    user_id: str | None = None,
    chat_id: str | None = None,
    start_date: int | None = None,
    end_date: int | None = None,
    skip: int = 0,
    limit: Page = 50,
) -> list[store.Message]:
    """List the messages of the chat, else of the model, else of the user."""
    skip, limit = max(skip, 0), max(limit, 0)
    if chat_id:
        return await store.list_messages_of_chat(db, chat_id)
    if model_id:
        return await store.list_messages_of_model(db, model_id, start=start_date, end=end_date, skip=skip, limit=limit)
    if user_id:
        return await store.list_messages_of_user(db, user_id, skip=skip, limit=limit)
    return []


class ChartPoints(msgspec.Struct):
    data: list[Point]


@router.get("/daily")
async def get_chart(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
    granularity: Granularity = "daily",
    metric: Metric = "messages",
    compare: bool = False,
) -> ChartPoints:
    chart = Chart(usage, granularity, tokens=metric == "tokens")
    if start_date and end_date and chart.count_points(start_date, end_date) > MAX_POINTS:
        raise BadRequest("The date range is too long for this granularity")
    if not compare:
        return ChartPoints(await chart.list_points(UsageFilter(start_date, end_date, group_id)))
    if start_date is None or end_date is None or start_date > end_date:
        raise BadRequest("Comparison requires a bounded date range")
    return ChartPoints(await chart.list_compared_points(start_date, end_date, group_id))


class TokenUsageList(msgspec.Struct):
    models: list[TokenUse]
    total_input_tokens: int
    total_output_tokens: int
    total_tokens: int


@router.get("/tokens")
async def list_token_usage(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
) -> TokenUsageList:
    models = await usage.list_token_usage(UsageFilter(start_date, end_date, group_id))
    input_tokens = sum(model.input_tokens for model in models)
    output_tokens = sum(model.output_tokens for model in models)
    return TokenUsageList(models, input_tokens, output_tokens, input_tokens + output_tokens)


class ModelChatPage(msgspec.Struct):
    chats: list[store.ModelChat]
    total: int


@router.get("/models/{model_id:path}/chats")
async def list_chats_of_model(
    model_id: str,
    user: AdminUser,
    db: Database,
    start_date: int | None = None,
    end_date: int | None = None,
    skip: int = 0,
    limit: Page = 50,
    order_by: str = "updated_at",
    direction: str = "desc",
) -> ModelChatPage:
    chats, total = await store.list_chats_of_model(
        db,
        model_id,
        start=start_date,
        end=end_date,
        order_by=order_by,
        direction=direction,
        skip=max(skip, 0),
        limit=max(limit, 0),
    )
    return ModelChatPage(chats, total)


class TagCount(msgspec.Struct):
    tag: str
    count: int


class ModelOverview(msgspec.Struct):
    history: list[win_history.Day]
    tags: list[TagCount]


@router.get("/models/{model_id:path}/overview")
async def get_model_overview(
    model_id: str, user: AdminUser, db: Database, days: Annotated[int, msgspec.Meta(le=MAX_DAYS)] = 30
) -> ModelOverview:
    """Return the wins and losses since `days` days ago (0: since the first), and the tags of the model's chats."""
    start = datetime.datetime.now() - datetime.timedelta(days) if days > 0 else None
    verdicts = await feedback.list_verdicts(db, model_id, int(start.timestamp()) if start else None)
    by_day = await asyncio.to_thread(win_history.count_by_day, verdicts)
    history: list[win_history.Day] = []
    if by_day or start:
        history = win_history.fill_days(by_day, start.date() if start else min(by_day), datetime.date.today())
    counts: Counter[str] = Counter()
    for tags in await store.list_tags_of_model(db, model_id):
        counts.update(tag for tag in tags if isinstance(tag, str))
    return ModelOverview(history, [TagCount(*pair) for pair in counts.most_common(TOP_TAGS)])
