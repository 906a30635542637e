"""`/api/v1/evaluations`: feedback on answers, and the leaderboard of models."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Annotated, Any

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.evaluations import elo, export, page_store, store, win_history
from fastback.features.evaluations.schemas import Feedback, FeedbackId, FeedbackPage, parse_feedback
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router
from fastback.kit.http.streaming_response import StreamResponse

router = Router("/api/v1/evaluations")

#: The longest history that can be requested, in days.
MAX_DAYS = 36500


class Leaderboard(msgspec.Struct):
    entries: list[elo.LeaderboardEntry]


@router.get("/leaderboard")
async def get_leaderboard(user: AdminUser, db: Database, query: str | None = None) -> Leaderboard:
    """Return the leaderboard. `query` is ignored: weighting feedback by topic needs an embedding model."""
    ratings = await store.join_ratings(db)
    return Leaderboard(await asyncio.to_thread(lambda: elo.build_leaderboard(ratings.split(store.SEPARATOR))))


class ModelHistory(msgspec.Struct):
    model_id: str
    history: list[win_history.Day]


@router.get("/leaderboard/{model_id:path}/history")
async def get_model_history(
    model_id: str, user: AdminUser, db: Database, days: Annotated[int, msgspec.Meta(le=MAX_DAYS)] = 30
) -> ModelHistory:
    """Return the last `days` days, today included; 0: all days since the first verdict."""
    verdicts = await store.list_verdicts(db, model_id, int(time.time()) - days * 86400 if days else None)
    by_day = await asyncio.to_thread(win_history.count_by_day, verdicts)
    today = datetime.date.today()
    first = today - datetime.timedelta(days - 1)
    if not days and by_day:
        first = min(by_day)
    return ModelHistory(model_id, win_history.fill_days(by_day, first, today))


@router.get("/feedbacks/models")
async def list_model_ids(user: AdminUser, db: Database) -> list[str]:
    return await store.list_model_ids(db)


@router.get("/feedbacks/all/ids")
async def list_feedback_ids(user: AdminUser, db: Database) -> list[FeedbackId]:
    return await store.list_ids(db)


@router.get("/feedbacks/all/export")
async def export_feedback(user: AdminUser, db: Database, model_id: str | None = None) -> StreamResponse:
    return await export.stream_feedback(db, model_id)


@router.delete("/feedbacks/all")
async def delete_all_feedback(user: AdminUser, db: Database, bus: Bus) -> bool:
    is_deleted = await store.delete_all_feedback(db, None)
    if is_deleted:
        await bus.publish(ActivityEvent("feedback.deleted_all", user, "all"))
    return is_deleted


@router.get("/feedbacks/user")
async def list_own_feedback(user: VerifiedUser, db: Database, page: int | None = 1) -> FeedbackPage:
    order = page_store.FeedbackOrder("updated_at", "desc", filtered=True)
    return FeedbackPage(*await page_store.list_page(db, page=page or 1, order=order, owner=user.id))


@router.delete("/feedbacks")
async def delete_own_feedback(user: VerifiedUser, db: Database, bus: Bus) -> bool:
    is_deleted = await store.delete_all_feedback(db, user.id)
    if is_deleted:
        await bus.publish(ActivityEvent("feedback.deleted_all", user, user.id, "user"))
    return is_deleted


@router.get("/feedbacks/list")
async def list_feedback(
    user: AdminUser,
    db: Database,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
    model_id: str | None = None,
) -> FeedbackPage:
    order = page_store.FeedbackOrder(order_by, direction, filtered=bool(order_by or direction or model_id))
    return FeedbackPage(*await page_store.list_page(db, page=page or 1, order=order, model_id=model_id))


def _build_event(event: str, user: User, feedback: Feedback) -> ActivityEvent:
    data = msgspec.json.decode(feedback.data) or {}
    return ActivityEvent(event, user, feedback.id, data={"rating": data.get("rating")})


@router.post("/feedback", takes_content=True)
async def create_feedback(data: Any, user: VerifiedUser, db: Database, bus: Bus) -> Feedback:
    feedback = await store.insert_feedback(db, user.id, parse_feedback(data))
    await bus.publish(_build_event("feedback.created", user, feedback))
    return feedback


@router.get("/feedback/{id}")
async def get_feedback(id: str, user: VerifiedUser, db: Database) -> Feedback:
    feedback = await store.find_feedback(db, id, None if user.is_admin else user.id)
    if feedback is None:
        raise NotFound(messages.NOT_FOUND)
    return feedback


@router.post("/feedback/{id}", takes_content=True)
async def update_feedback(id: str, data: Any, user: VerifiedUser, db: Database, bus: Bus) -> Feedback:
    feedback = await store.update_feedback(db, id, None if user.is_admin else user.id, parse_feedback(data))
    if feedback is None:
        raise NotFound(messages.NOT_FOUND)
    await bus.publish(_build_event("feedback.updated", user, feedback))
    return feedback


@router.delete("/feedback/{id}")
async def delete_feedback(id: str, user: VerifiedUser, db: Database, bus: Bus) -> bool:
    if not await store.delete_feedback(db, id, None if user.is_admin else user.id):
        raise NotFound(messages.NOT_FOUND)
    await bus.publish(ActivityEvent("feedback.deleted", user, id))
    return True
