"""Groups and members as models, and forms."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.record_models import Record


class GroupModel(Record):
    parent_group_id: str | None = None
    id: str
    user_id: str
    name: str
    description: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    permissions: dict[str, Any] | None = None
    created_at: int
    updated_at: int


class GroupMemberModel(Record):
    id: str
    group_id: str
    user_id: str
    created_at: int | None = None
    updated_at: int | None = None


class GroupResponse(GroupModel):
    member_count: int | None = None


class GroupForm(Record):
    parent_group_id: str | None = None
    name: str
    description: str
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class GroupUpdateForm(GroupForm):
    pass


class UserIdsForm(Record):
    user_ids: list[str] | None = None


class GroupInfoResponse(Record):
    parent_group_id: str | None = None
    id: str
    user_id: str
    name: str
    description: str
    member_count: int | None = None
    created_at: int
    updated_at: int


class GroupListResponse(Record):
    items: list[GroupResponse] = []
    total: int = 0
