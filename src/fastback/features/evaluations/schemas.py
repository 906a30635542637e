"""Request and response bodies of feedback."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http import Invalid
from fastback.kit.http.coercion import Problem
from fastback.kit.http.validation import convert_value

Fields = dict[str, Any]


class _Rating(msgspec.Struct):
    rating: str | int | None = None
    model_id: str | None = None
    sibling_model_ids: list[str] | None = None
    reason: str | None = None
    comment: str | None = None


class _Snapshot(msgspec.Struct):
    chat: Fields | None = None


class _Form(msgspec.Struct):
    type: str
    data: _Rating | None = None
    meta: Fields | None = None
    snapshot: _Snapshot | None = None


class FeedbackForm(msgspec.Struct):
    """Checked feedback: rating and snapshot with their declared fields first, then their other fields."""

    type: str
    data: Fields | None
    meta: Fields | None
    snapshot: Fields | None


def _add_other_fields(kind: type[msgspec.Struct], checked: Fields | None, sent: Any) -> Fields | None:
    """Return an object with its declared fields, checked, and its other fields as they were sent."""
    if checked is None:
        return None
    declared = {field: checked.get(field) for field in kind.__struct_fields__}
    return {**declared, **{name: value for name, value in sent.items() if name not in declared}}


def parse_feedback(body: Any) -> FeedbackForm:
    """Return the feedback in a request body.

    Raises:
        Invalid: fields are missing or have another type; the error names all of them.
    """
    problems: list[Problem] = []
    checked = convert_value(_Form, body, ("body",), problems)
    if problems:
        raise Invalid(problems)
    return FeedbackForm(
        checked["type"],
        _add_other_fields(_Rating, checked.get("data"), body.get("data")),
        checked.get("meta"),
        _add_other_fields(_Snapshot, checked.get("snapshot"), body.get("snapshot")),
    )


class Feedback(msgspec.Struct):
    """A row of `feedback`."""

    id: str
    user_id: str
    version: int
    type: str
    data: msgspec.Raw
    meta: msgspec.Raw
    snapshot: msgspec.Raw
    created_at: int
    updated_at: int


class FeedbackId(msgspec.Struct):
    id: str
    user_id: str
    created_at: int
    updated_at: int


class Author(msgspec.Struct):
    id: str
    name: str
    email: str
    role: str
    last_active_at: int
    updated_at: int
    created_at: int


class ListedFeedback(msgspec.Struct):
    """Feedback as lists show it: with its author, without the snapshot of the chat."""

    id: str
    user_id: str
    version: int
    type: str
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int
    user: Author


class FeedbackPage(msgspec.Struct):
    items: list[ListedFeedback]
    total: int
