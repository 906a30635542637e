"""`/api/v1/channels/{id}/members`: the users who may read a channel, and changes of its members."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.members.reader_store import PAGE_SIZE, ReaderQuery
from fastback.features.channels.members.schemas import (
    ActiveForm,
    MemberPage,
    MembersForm,
    MutedForm,
    RemovalForm,
)
from fastback.features.channels.members.service import MemberService
from fastback.features.channels.members.store import Member
from fastback.kit.http import Router

router = Router("/api/v1/channels/{id}")

#: The last page that a list has; further ones are empty.
_LAST_PAGE = 1_000_000_000


@router.get("/members")
async def list_members(
    id: str,
    user: VerifiedUser,
    access: ChannelAccess,
    members: MemberService,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> MemberPage:
    """List the users who may read a channel, a page at a time."""
    channel = await access.get_permitted_channel(id, user, "read")
    skip = (min(max(page or 1, 1), _LAST_PAGE) - 1) * PAGE_SIZE
    return await members.list_readers(channel, ReaderQuery(query, order_by, direction, skip))


@router.post("/members/mute")
async def mute_channel(
    id: str, data: MutedForm, user: VerifiedUser, access: ChannelAccess, members: MemberService
) -> MutedForm:
    """Mute or unmute a channel for the user."""
    channel = await access.get_permitted_channel(id, user, "read")
    await members.set_muted(channel, user, is_muted=data.is_channel_muted)
    return data


@router.post("/members/active")
async def set_channel_active(
    id: str, data: ActiveForm, user: VerifiedUser, access: ChannelAccess, members: MemberService
) -> bool:
    """Show a channel in the user's list, or hide it."""
    await members.set_active(await access.get_channel(id, user), user, is_active=data.is_active)
    return True


@router.post("/update/members/add")
async def add_members(
    id: str, data: MembersForm, user: VerifiedUser, access: ChannelAccess, members: MemberService
) -> list[Member]:
    """Add users and the users of groups to a channel."""
    return await members.add_members(await access.get_owned_channel(id, user), user, data)


@router.post("/update/members/remove")
async def remove_members(
    id: str, data: RemovalForm, user: VerifiedUser, access: ChannelAccess, members: MemberService
) -> int:
    """Remove users from a channel."""
    return await members.remove_members(await access.get_owned_channel(id, user), user, data)
