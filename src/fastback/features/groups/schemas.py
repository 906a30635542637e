"""Request and response bodies of `/api/v1/groups`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fastback.kit.http.errors import Invalid


class GroupForm(msgspec.Struct, kw_only=True):
    """A group to create or to change: an absent field leaves its value unchanged, a null parent removes the parent."""

    parent_group_id: str | UnsetType | None = UNSET
    name: str
    description: str
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None

    def parse_data(self) -> dict[str, Any] | None:
        """Return `data` without duplicate default models.

        Raises:
            Invalid: `config` is not an object, or the default models are not a list of non-empty ids.
        """
        data = self.data
        if data is None or "config" not in data:
            return data
        config = data["config"]
        if not isinstance(config, dict):
            raise self._build_error("Group config must be an object.")
        models = config.get("default_models")
        if models is None:
            return data
        if not isinstance(models, list) or not all(isinstance(model, str) and model.strip() for model in models):
            raise self._build_error("Default models must be a list of non-empty model IDs.")
        unique_models = list(dict.fromkeys(model.strip() for model in models))
        return {**data, "config": {**config, "default_models": unique_models}}

    def _build_error(self, message: str) -> Invalid:
        return Invalid.at(["body", "data"], f"Value error, {message}", value=self.data)


class UserIds(msgspec.Struct):
    user_ids: list[str] | None = None


Membership = Literal["direct", "inherited"]


class Member(msgspec.Struct, kw_only=True):
    """A member of a group with the columns that lists of users show."""

    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None
    id: str
    name: str
    email: str
    role: str
    bio: str | None = None
    last_active_at: int | None = None
    timezone: str | None = None
    groups: list[Any] = []
    is_active: bool = False


class InspectedMember(Member, kw_only=True):
    """A member with the source of the membership: the group itself, or groups below it."""

    membership_type: Membership
    via_group_ids: list[str]


class MemberPage(msgspec.Struct):
    """A page of members: `total` counts the matching ones, `counts` all members by scope."""

    items: list[InspectedMember]
    total: int
    counts: dict[str, int]


class NamedItem(msgspec.Struct):
    id: str
    name: str
