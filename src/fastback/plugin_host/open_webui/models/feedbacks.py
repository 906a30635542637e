"""Ratings of answers."""

from __future__ import annotations

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


Feedbacks = FeedbackTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Feedback": "feedback"})
