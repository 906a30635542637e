"""`/api/v1/evaluations`: feedback on answers, and the leaderboard."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Annotated, Any

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.evaluations import elo, export, store, win_history
from fastback.features.evaluations.schemas import Feedback, FeedbackId, FeedbackPage, feedback_form
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router
from fastback.kit.http.streaming_response import StreamResponse

router = Router("/api/v1/evaluations")

#: The longest history that can be asked for, in days.
LONGEST = 36500


class Leaderboard(msgspec.Struct):
    entries: list[elo.LeaderboardEntry]


@router.get("/leaderboard")
async def leaderboard(user: AdminUser, db: Database, query: str | None = None) -> Leaderboard:
    """`query` would weigh feedback by its topic, which takes an embedding model; there is none, so it weighs alike."""
    ratings = await store.ratings(db)
    return Leaderboard(await asyncio.to_thread(lambda: elo.build_leaderboard(ratings.split(store.SEPARATOR))))


class ModelHistory(msgspec.Struct):
    model_id: str
    history: list[win_history.Day]


@router.get("/leaderboard/{model_id:path}/history")
async def model_history(
    model_id: str, user: AdminUser, db: Database, days: Annotated[int, msgspec.Meta(le=LONGEST)] = 30
) -> ModelHistory:
    """The last `days` days, today included; 0: all since the first verdict."""
    verdicts = await store.list_verdicts(db, model_id, int(time.time()) - days * 86400 if days else None)
    found = await asyncio.to_thread(win_history.count_by_day, verdicts)
    today = datetime.date.today()
    first = today - datetime.timedelta(days - 1)
    if not days and found:
        first = min(found)
    return ModelHistory(model_id, win_history.fill_days(found, first, today))


@router.get("/feedbacks/models")
async def model_ids(user: AdminUser, db: Database) -> list[str]:
    return await store.model_ids(db)


@router.get("/feedbacks/all/ids")
async def ids(user: AdminUser, db: Database) -> list[FeedbackId]:
    return await store.ids(db)


@router.get("/feedbacks/all/export")
async def export_all(user: AdminUser, db: Database, model_id: str | None = None) -> StreamResponse:
    return await export.array(db, model_id)


@router.delete("/feedbacks/all")
async def delete_everybodys(user: AdminUser, db: Database, bus: Bus) -> bool:
    gone = await store.delete_all(db, None)
    if gone:
        await bus.publish(ActivityEvent("feedback.deleted_all", user, "all"))
    return gone


@router.get("/feedbacks/user")
async def own(user: VerifiedUser, db: Database, page: int | None = 1) -> FeedbackPage:
    order = store.order("updated_at", "desc", filtered=True)
    return FeedbackPage(*await store.page(db, page=page or 1, order=order, owner=user.id))


@router.delete("/feedbacks")
async def delete_own(user: VerifiedUser, db: Database, bus: Bus) -> bool:
    gone = await store.delete_all(db, user.id)
    if gone:
        await bus.publish(ActivityEvent("feedback.deleted_all", user, user.id, "user"))
    return gone


@router.get("/feedbacks/list")
async def page(
    user: AdminUser,
    db: Database,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
    model_id: str | None = None,
) -> FeedbackPage:
    order = store.order(order_by, direction, filtered=bool(order_by or direction or model_id))
    return FeedbackPage(*await store.page(db, page=page or 1, order=order, model_id=model_id))


def _told(event: str, user: Any, feedback: Feedback) -> ActivityEvent:
    data = msgspec.json.decode(feedback.data) or {}
    return ActivityEvent(event, user, feedback.id, data={"rating": data.get("rating")})


@router.post("/feedback")
async def create(data: Any, user: VerifiedUser, db: Database, bus: Bus) -> Feedback:
    made = await store.add(db, user.id, feedback_form(data))
    await bus.publish(_told("feedback.created", user, made))
    return made


@router.get("/feedback/{id}")
async def get(id: str, user: VerifiedUser, db: Database) -> Feedback:
    found = await store.get(db, id, None if user.is_admin else user.id)
    if found is None:
        raise NotFound(messages.NOT_FOUND)
    return found


@router.post("/feedback/{id}")
async def update(id: str, data: Any, user: VerifiedUser, db: Database, bus: Bus) -> Feedback:
    changed = await store.update(db, id, None if user.is_admin else user.id, feedback_form(data))
    if changed is None:
        raise NotFound(messages.NOT_FOUND)
    await bus.publish(_told("feedback.updated", user, changed))
    return changed


@router.delete("/feedback/{id}")
async def delete(id: str, user: VerifiedUser, db: Database, bus: Bus) -> bool:
    if not await store.delete(db, id, None if user.is_admin else user.id):
        raise NotFound(messages.NOT_FOUND)
    await bus.publish(ActivityEvent("feedback.deleted", user, id))
    return True
