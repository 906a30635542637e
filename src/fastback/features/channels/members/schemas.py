"""Requests about members of channels, and members as responses show them."""

from __future__ import annotations

import msgspec

#: Seconds after a user's last request in which the user counts as active.
ACTIVE_SECONDS = 180


class ActiveForm(msgspec.Struct):
    """Whether the list of the user shows a channel."""

    is_active: bool


class MutedForm(msgspec.Struct):
    """Whether the user is notified of messages that do not mention them."""

    is_channel_muted: bool


class MembersForm(msgspec.Struct):
    """Users and groups to add to a channel."""

    user_ids: list[str] = []
    group_ids: list[str] = []


class RemovalForm(msgspec.Struct):
    """Users to remove from a channel."""

    user_ids: list[str] = []


class ListedMember(msgspec.Struct):
    """A user who may read a channel."""

    id: str
    email: str
    name: str
    role: str
    profile_image_url: str | None
    presence_state: str | None
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    is_active: bool


class MemberPage(msgspec.Struct):
    """A page of users, and their number on all pages."""

    users: list[ListedMember]
    total: int
