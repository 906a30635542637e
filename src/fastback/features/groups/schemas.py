"""Requests and answers of `/api/v1/groups`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fastback.kit.http.errors import Invalid


class GroupForm(msgspec.Struct, kw_only=True):
    """A new group, or a changed one: what is left out stays as it was, a parent that is null is taken away."""

    parent_group_id: str | UnsetType | None = UNSET
    name: str
    description: str
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None

    def checked_data(self) -> dict[str, Any] | None:
        """`data` with each default model once.

        Raises:
            Invalid: the part `config` is no object, or the default models are no list of ids.
        """
        data = self.data
        if data is None or "config" not in data:
            return data
        config = data["config"]
        if not isinstance(config, dict):
            raise self._no_data("Group config must be an object.")
        models = config.get("default_models")
        if models is None:
            return data
        if not isinstance(models, list) or not all(isinstance(one, str) and one.strip() for one in models):
            raise self._no_data("Default models must be a list of non-empty model IDs.")
        once = list(dict.fromkeys(one.strip() for one in models))
        return {**data, "config": {**config, "default_models": once}}

    def _no_data(self, words: str) -> Invalid:
        return Invalid.at(["body", "data"], f"Value error, {words}", value=self.data)


class UserIds(msgspec.Struct):
    user_ids: list[str] | None = None


Membership = Literal["direct", "inherited"]


class Member(msgspec.Struct, kw_only=True):
    """A member of a group, as lists of users show people; only these columns are read."""

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
    """A member with the way they came in: through the group itself, or through groups below it."""

    membership_type: Membership
    via_group_ids: list[str]


class MemberPage(msgspec.Struct):
    """A page of members; `total` are those that fit the question, `counts` all there are."""

    items: list[InspectedMember]
    total: int
    counts: dict[str, int]


class NamedItem(msgspec.Struct):
    id: str
    name: str
