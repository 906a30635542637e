"""Requests of `/api/v1/folders`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class FolderForm(msgspec.Struct, forbid_unknown_fields=True):
    """A new folder."""

    name: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    parent_id: str | None = None


class FolderChange(msgspec.Struct, forbid_unknown_fields=True):
    """Changed fields of a folder."""

    name: str | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET


class ParentForm(msgspec.Struct):
    """The folder to move a folder into; None for the top level."""

    parent_id: str | None = None


class ExpandedForm(msgspec.Struct):
    """Whether the sidebar shows a folder expanded."""

    is_expanded: bool


class AccessForm(msgspec.Struct):
    """The new grants of a folder, and whether its readers may continue its chats."""

    access_grants: list[dict[str, Any]]
    share_mode: Literal["continue"] | UnsetType | None = UNSET
