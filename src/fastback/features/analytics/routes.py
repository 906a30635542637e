"""`/api/v1/analytics`: what administrators see of how the server is used."""

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
#: The longest history that can be asked for, in days.
LONGEST = 36500
TOP_TAGS = 10


@router.get("/summary")
async def summary(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
) -> Summary:
    return await usage.get_summary(UsageFilter(start_date, end_date, group_id))


class Models(msgspec.Struct):
    models: list[ModelUse]


@router.get("/models")
async def models(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
) -> Models:
    return Models(await usage.list_model_usage(UsageFilter(start_date, end_date, group_id)))


class UserEntry(msgspec.Struct):
    """`name` and `email` are None for somebody whose account is gone."""

    user_id: str
    name: str | None
    email: str | None
    count: int
    input_tokens: int
    output_tokens: int
    total_tokens: int


class Users(msgspec.Struct):
    users: list[UserEntry]


@router.get("/users")
async def users(
    user: AdminUser,
    usage: UsageStatistics,
    db: Database,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
    limit: int = 50,
    metric: Metric = "messages",
) -> Users:
    chosen = UsageFilter(start_date, end_date, group_id)
    rows = await usage.list_user_usage(chosen, by_tokens=metric == "tokens", limit=min(max(limit, 0), 100_000))
    known = await store.people(db, [row.user_id for row in rows if row.user_id])
    found = []
    for row in rows:
        if row.user_id is not None:
            one = known.get(row.user_id)
            name, email = (one.name, one.email) if one else (None, None)
            total = row.input_tokens + row.output_tokens
            found.append(UserEntry(row.user_id, name, email, row.count, row.input_tokens, row.output_tokens, total))
    return Users(found)


@router.get("/messages")
async def messages(
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
    """Those of a chat, or else of a model, or else of a user."""
    skip, limit = max(skip, 0), max(limit, 0)
    if chat_id:
        return await store.of_chat(db, chat_id)
    if model_id:
        return await store.of_model(db, model_id, start=start_date, end=end_date, skip=skip, limit=limit)
    if user_id:
        return await store.of_user(db, user_id, skip=skip, limit=limit)
    return []


class Daily(msgspec.Struct):
    data: list[Point]


@router.get("/daily")
async def daily(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
    granularity: Granularity = "daily",
    metric: Metric = "messages",
    compare: bool = False,
) -> Daily:
    chart = Chart(usage, granularity, tokens=metric == "tokens")
    if start_date and end_date and chart.count_points(start_date, end_date) > MAX_POINTS:
        raise BadRequest("The date range is too long for this granularity")
    if not compare:
        return Daily(await chart.list_points(UsageFilter(start_date, end_date, group_id)))
    if start_date is None or end_date is None or start_date > end_date:
        raise BadRequest("Comparison requires a bounded date range")
    return Daily(await chart.list_compared_points(start_date, end_date, group_id))


class Tokens(msgspec.Struct):
    models: list[TokenUse]
    total_input_tokens: int
    total_output_tokens: int
    total_tokens: int


@router.get("/tokens")
async def tokens(
    user: AdminUser,
    usage: UsageStatistics,
    start_date: int | None = None,
    end_date: int | None = None,
    group_id: str | None = None,
) -> Tokens:
    found = await usage.list_token_usage(UsageFilter(start_date, end_date, group_id))
    given, made = sum(one.input_tokens for one in found), sum(one.output_tokens for one in found)
    return Tokens(found, given, made, given + made)


class ModelChats(msgspec.Struct):
    chats: list[store.ModelChat]
    total: int


@router.get("/models/{model_id:path}/chats")
async def model_chats(
    model_id: str,
    user: AdminUser,
    db: Database,
    start_date: int | None = None,
    end_date: int | None = None,
    skip: int = 0,
    limit: Page = 50,
    order_by: str = "updated_at",
    direction: str = "desc",
) -> ModelChats:
    found = await store.chats_of_model(
        db,
        model_id,
        start=start_date,
        end=end_date,
        order_by=order_by,
        direction=direction,
        skip=max(skip, 0),
        limit=max(limit, 0),
    )
    return ModelChats(*found)


class TagCount(msgspec.Struct):
    tag: str
    count: int


class Overview(msgspec.Struct):
    history: list[win_history.Day]
    tags: list[TagCount]


@router.get("/models/{model_id:path}/overview")
async def model_overview(
    model_id: str, user: AdminUser, db: Database, days: Annotated[int, msgspec.Meta(le=LONGEST)] = 30
) -> Overview:
    """Wins and losses since `days` days ago (0: since the first), and what the model's chats were about."""
    start = datetime.datetime.now() - datetime.timedelta(days) if days > 0 else None
    verdicts = await feedback.list_verdicts(db, model_id, int(start.timestamp()) if start else None)
    found = await asyncio.to_thread(win_history.count_by_day, verdicts)
    filled: list[win_history.Day] = []
    if found or start:
        filled = win_history.fill_days(found, start.date() if start else min(found), datetime.date.today())
    counts: Counter[str] = Counter()
    for tags in await store.tags_of_model(db, model_id):
        counts.update(tag for tag in tags if isinstance(tag, str))
    return Overview(filled, [TagCount(*one) for one in counts.most_common(TOP_TAGS)])
