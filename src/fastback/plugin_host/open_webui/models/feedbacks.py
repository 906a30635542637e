"""Ratings of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import OpenRecord, Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class RatingData(OpenRecord):
    rating: str | int | None = None
    model_id: str | None = None
    sibling_model_ids: list[str] | None = None
    reason: str | None = None
    comment: str | None = None


class SnapshotData(OpenRecord):
    chat: dict[str, Any] | None = None


class FeedbackModel(Record):
    id: str
    user_id: str
    version: int
    type: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    snapshot: dict[str, Any] | None = None
    created_at: int
    updated_at: int


class FeedbackResponse(Record):
    id: str
    user_id: str
    version: int
    type: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    created_at: int
    updated_at: int


class FeedbackForm(Record):
    type: str
    data: RatingData | None = None
    meta: dict[str, Any] | None = None
    snapshot: SnapshotData | None = None


class FeedbackIdResponse(Record):
    id: str
    user_id: str
    created_at: int
    updated_at: int


class LeaderboardFeedbackData(Record):
    id: str
    data: dict[str, Any] | None = None


class UserResponse(Record):
    id: str
    name: str
    email: str
    role: str = "pending"
    last_active_at: int
    updated_at: int
    created_at: int


class FeedbackUserResponse(FeedbackResponse):
    user: UserResponse | None = None


class FeedbackListResponse(Record):
    items: list[FeedbackUserResponse]
    total: int


class FeedbackTable(RecordTable):
    table = "feedback"
    model = FeedbackModel

    @awaited_or_not
    async def get_feedback_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_feedback_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def get_all_feedbacks(self, db: Any = None) -> Any:
        return await self._list(order="-updated_at")

    @awaited_or_not
    async def get_feedbacks_by_chat_id(self, chat_id: str, db: Any = None) -> Any:
        feedbacks = await self._list(order="-created_at")
        return [feedback for feedback in feedbacks if (feedback.meta or {}).get("chat_id") == chat_id]

    @awaited_or_not
    async def get_feedbacks_by_type(self, type: str, db: Any = None) -> Any:
        return await self._list(order="-updated_at", type=type)

    @awaited_or_not
    async def get_feedbacks_by_user_id(self, user_id: str, skip: int = 0, limit: int = 30, db: Any = None) -> Any:
        return await self._list(order="-updated_at", skip=skip, limit=limit, user_id=user_id)

    @awaited_or_not
    async def insert_new_feedback(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        content = dump_form(form_data)
        created = await self._run(user_id, "POST", "/api/v1/evaluations/feedback", content=content)
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def update_feedback_by_id(self, id: str, form_data: Any, db: Any = None) -> Any:
        await self._run(None, "POST", f"/api/v1/evaluations/feedback/{id}", content=dump_form(form_data))
        return await self._find(id=id)

    @awaited_or_not
    async def update_feedback_by_id_and_user_id(self, id: str, user_id: str, form_data: Any, db: Any = None) -> Any:
        await self._run(user_id, "POST", f"/api/v1/evaluations/feedback/{id}", content=dump_form(form_data))
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def delete_feedback_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/evaluations/feedback/{id}"))

    @awaited_or_not
    async def get_feedback_items(
        self, filter: dict[str, Any] | None = None, skip: int = 0, limit: int = 30, db: Any = None
    ) -> Any:
        """Return `items`, with their users, and `total`; a filter has `model_id`, `order_by` and `direction`."""
        filter = filter or {}
        feedbacks = await self._list(order="" if filter else "-created_at")
        model_id, users = filter.get("model_id"), await self._list_owners(feedbacks)
        items = [
            FeedbackUserResponse.model_validate({**feedback.model_dump(), "user": users[feedback.user_id]})
            for feedback in feedbacks
            if feedback.user_id in users and model_id in (None, "", (feedback.data or {}).get("model_id"))
        ]
        if filter.get("order_by") in _ORDERS:
            items.sort(key=_ORDERS[filter["order_by"]], reverse=filter.get("direction") != "asc")
        return FeedbackListResponse(items=items[skip : skip + limit if limit else None], total=len(items))

    @awaited_or_not
    async def get_all_feedback_ids(self, db: Any = None) -> Any:
        columns = "id user_id created_at updated_at"
        rows = await self._list_rows("feedback", {}, order="-updated_at", columns=columns)
        return [FeedbackIdResponse.model_validate(row) for row in rows]

    @awaited_or_not
    async def get_feedbacks_for_leaderboard(self, db: Any = None) -> Any:
        rows = await self._list_rows("feedback", {}, columns="id data")
        return [LeaderboardFeedbackData.model_validate(row) for row in rows]

    @awaited_or_not
    async def get_distinct_model_ids(self, db: Any = None) -> Any:
        """Return the models that have been rated."""
        rows = await self._list_rows("feedback", {}, columns="data")
        return sorted({model_id for row in rows if (model_id := (row.get("data") or {}).get("model_id"))})

    @awaited_or_not
    async def delete_feedback_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return bool(await self._call("rows.delete", table="feedback", where={"id": id, "user_id": user_id}))

    @awaited_or_not
    async def delete_feedbacks_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return bool(await self._call("rows.delete", table="feedback", where={"user_id": user_id}))

    @awaited_or_not
    async def delete_all_feedbacks(self, db: Any = None) -> Any:
        has_any = await self._count() > 0
        return has_any and bool(await self._run(None, "DELETE", "/api/v1/evaluations/feedbacks/all"))


def _get_field(name: str) -> Callable[[FeedbackUserResponse], str]:
    return lambda item: str((item.data or {}).get(name, ""))


#: What lists may be sorted by.
_ORDERS: dict[str, Callable[[FeedbackUserResponse], Any]] = {
    "username": lambda item: item.user.name if item.user is not None else "",
    "model_id": _get_field("model_id"),
    "rating": _get_field("rating"),
    "updated_at": lambda item: item.updated_at,
}


Feedbacks = FeedbackTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Feedback": "feedback"})
