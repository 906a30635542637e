"""Requests about calendars, and calendars as responses show them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback.access.grants import Grant

#: Characters of a name or of the reference to a color.
Name = Annotated[str, msgspec.Meta(max_length=1000)]


class CalendarForm(msgspec.Struct):
    """A new calendar."""

    name: Name
    color: Name | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    access_grants: list[dict[str, Any]] | None = None


class CalendarUpdateForm(msgspec.Struct):
    """The changed fields of a calendar; the keys of `data` and `meta` are added to those that it has."""

    name: Name | UnsetType | None = UNSET
    color: Name | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET


class AccessForm(msgspec.Struct):
    """The new grants of a calendar."""

    access_grants: list[dict[str, Any]]


class CalendarResponse(msgspec.Struct):
    """A calendar with its access grants; `is_system` for the one that has no row."""

    id: str
    user_id: str
    name: str
    color: str | None
    is_default: bool
    is_system: bool
    data: msgspec.Raw
    meta: msgspec.Raw
    access_grants: list[Grant]
    created_at: int
    updated_at: int


class StatusResponse(msgspec.Struct):
    """The response to a deletion."""

    status: bool
