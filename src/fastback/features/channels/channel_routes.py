"""`/api/v1/channels`: the lists of channels; create, read, change, share and delete a channel."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.channels import store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.members.service import MemberService
from fastback.features.channels.schemas import (
    AccessForm,
    ChannelForm,
    ChannelResponse,
    CreateChannelForm,
    ListedChannel,
    OpenedChannel,
)
from fastback.features.channels.service import ChannelService
from fastback.kit.db import Database
from fastback.kit.http import Router, Unauthorized

router = Router("/api/v1/channels")


def _get_fields(channel: ChannelResponse) -> dict[str, Any]:
    return {name: getattr(channel, name) for name in ChannelResponse.__struct_fields__}


@router.get("/")
async def list_joined_channels(
    user: VerifiedUser, db: Database, access: ChannelAccess, channels: ChannelService, members: MemberService
) -> list[ListedChannel]:
    """List the channels of the current user, with unread messages, and with the members of direct channels."""
    await access.require_feature(user)
    rows = await store.list_joined_channels(db, user.id, await access.list_group_ids(user))
    users = await members.list_users([row.id for row in rows if row.type == "dm"])
    return [
        ListedChannel(
            **_get_fields(described),
            is_channel_muted=bool(row.muted),
            user_ids=[member.id for member in users[row.id]] if row.id in users else None,
            users=users.get(row.id),
            last_message_at=row.last_message_at,
            unread_count=row.unread,
        )
        for row, described in zip(rows, await channels.describe_channels(rows), strict=True)
    ]


@router.get("/list")
async def list_channels(
    user: VerifiedUser, db: Database, access: ChannelAccess, channels: ChannelService
) -> list[ChannelResponse]:
    """List the channels of the current user, or for an administrator all channels."""
    await access.require_feature(user)
    if user.is_admin:
        return await channels.describe_channels(await store.list_channels(db))
    group_ids = await access.list_group_ids(user)
    return await channels.describe_channels(await store.list_readable_channels(db, user.id, group_ids))


@router.get("/users/{user_id}")
async def open_direct_channel(
    user_id: str, user: VerifiedUser, access: ChannelAccess, channels: ChannelService
) -> ChannelResponse:
    """Return the direct channel with another user, which is created where it is missing."""
    await access.require_feature(user)
    return await channels.open_direct_channel(user, user_id)


@router.post("/create")
async def create_channel(
    data: CreateChannelForm, user: VerifiedUser, access: ChannelAccess, channels: ChannelService
) -> ChannelResponse:
    """Create a channel. Standard channels are created by administrators."""
    await access.require_feature(user)
    if data.type not in ("group", "dm") and not user.is_admin:
        raise Unauthorized(messages.UNAUTHORIZED)
    return await channels.create_channel(user, data)


@router.get("/{id}")
async def get_channel(
    id: str,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    channels: ChannelService,
    members: MemberService,
) -> OpenedChannel:
    """Return a channel, with its users, and what the current user may do and has not read."""
    channel = await access.get_permitted_channel(id, user, "read")
    users = (await members.list_users([id]))[id] if channel.has_members else None
    state = await store.find_reading_state(db, id, user.id)
    return OpenedChannel(
        **_get_fields(await channels.describe_channel(channel)),
        is_manager=await access.is_manager(channel, user),
        write_access=await _may_write(access, channel, user),
        user_count=len(users) if users is not None else await members.count_readers(channel),
        is_channel_muted=bool(state.muted),
        user_ids=None if users is None else [member.id for member in users],
        users=users,
        last_read_at=state.last_read_at,
        unread_count=state.unread,
    )


async def _may_write(access: ChannelAccess, channel: store.Channel, user: User) -> bool:
    return channel.has_members or await access.is_allowed(channel, user, "write")


@router.post("/{id}/update")
async def update_channel(
    id: str, data: ChannelForm, user: VerifiedUser, access: ChannelAccess, channels: ChannelService
) -> ChannelResponse:
    """Change the name, the description, the privacy and the data of a channel."""
    return await channels.update_channel(await access.get_owned_channel(id, user), user, data)


@router.post("/{id}/access/update")
async def share_channel(
    id: str, data: AccessForm, user: VerifiedUser, access: ChannelAccess, channels: ChannelService
) -> ChannelResponse:
    """Replace the grants of a standard channel."""
    channel = await access.get_owned_channel(id, user, refusal=messages.ACCESS_PROHIBITED)
    return await channels.share_channel(channel, user, data)


@router.delete("/{id}/delete")
async def delete_channel(id: str, user: VerifiedUser, access: ChannelAccess, channels: ChannelService) -> bool:
    """Delete a channel with everything in it."""
    await channels.delete_channel(await access.get_owned_channel(id, user), user)
    return True
