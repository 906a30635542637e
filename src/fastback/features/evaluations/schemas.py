"""Feedback as it comes in and goes out."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http import Invalid
from fastback.kit.http.coercion import Problem
from fastback.kit.http.validation import check

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
    """Feedback to be kept: rating and snapshot with their known fields first, whatever else was sent after them."""

    type: str
    data: Fields | None
    meta: Fields | None
    snapshot: Fields | None


def _open(kind: type[msgspec.Struct], checked: Fields | None, given: Any) -> Fields | None:
    """An object whose known fields are checked and whose others are kept as they came."""
    if checked is None:
        return None
    known = {field: checked.get(field) for field in kind.__struct_fields__}
    return {**known, **{name: value for name, value in given.items() if name not in known}}


def feedback_form(given: Any) -> FeedbackForm:
    """Raises: Invalid, with everything that is wrong with the body."""
    problems: list[Problem] = []
    checked = check(_Form, given, ("body",), problems)
    if problems:
        raise Invalid(problems)
    return FeedbackForm(
        checked["type"],
        _open(_Rating, checked.get("data"), given.get("data")),
        checked.get("meta"),
        _open(_Snapshot, checked.get("snapshot"), given.get("snapshot")),
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


class Listed(msgspec.Struct):
    """Feedback as lists show it: with who gave it, without the chat it was about."""

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
    items: list[Listed]
    total: int
