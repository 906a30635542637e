"""Requests about channels, and channels as responses show them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from fastback.access.grants import Grant

#: Characters of a name, and of a description.
_Name = Annotated[str, msgspec.Meta(max_length=1000)]
_Description = Annotated[str, msgspec.Meta(max_length=100_000)]


class ChannelForm(msgspec.Struct):
    """The fields of a channel that its owner changes."""

    name: _Name = ""
    description: _Description | None = None
    is_private: bool | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    group_ids: list[str] | None = None
    user_ids: list[str] | None = None


class CreateChannelForm(ChannelForm):
    """A new channel; `type` is `group`, `dm`, or anything else for a standard channel."""

    access_grants: list[dict[str, Any]] | None = None
    type: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class AccessForm(msgspec.Struct):
    """The new grants of a channel."""

    access_grants: list[dict[str, Any]]


class ChannelUser(msgspec.Struct):
    """A member of a group or direct channel."""

    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    id: str
    name: str
    is_active: bool


class ChannelResponse(msgspec.Struct):
    """A channel with its access grants."""

    id: str
    user_id: str
    type: str | None
    name: str
    description: str | None
    is_private: bool | None
    data: msgspec.Raw
    meta: msgspec.Raw
    access_grants: list[Grant]
    created_at: int
    updated_at: int
    updated_by: str | None
    archived_at: int | None
    archived_by: str | None
    deleted_at: int | None
    deleted_by: str | None


class ListedChannel(ChannelResponse):
    """A channel in the list of its reader; `users` are those of direct channels."""

    is_channel_muted: bool
    user_ids: list[str] | None
    users: list[ChannelUser] | None
    last_message_at: int | None
    unread_count: int


class OpenedChannel(ChannelResponse):
    """A channel with what its reader may do in it; `users` are those of group and direct channels."""

    is_manager: bool
    write_access: bool
    user_count: int | None
    is_channel_muted: bool
    user_ids: list[str] | None
    users: list[ChannelUser] | None
    last_read_at: int | None
    unread_count: int
