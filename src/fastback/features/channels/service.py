"""Channels as records: create, change, share and delete them, and tell the pages of their members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.events import GrantsChanged
from fastback.access.grants import Grant, Grants
from fastback.access.identity import User
from fastback.features.channels import deletion_store, store
from fastback.features.channels.access import KIND
from fastback.features.channels.events import (
    ChannelAccessChanged,
    ChannelDeleted,
    MembersEntered,
    MembersLeft,
    PersonalMessage,
)
from fastback.features.channels.members import reader_store
from fastback.features.channels.members import store as member_store
from fastback.features.channels.members.readers import find_readers
from fastback.features.channels.schemas import AccessForm, ChannelForm, ChannelResponse, CreateChannelForm
from fastback.features.channels.store import Channel
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, NotFound
from fastback.kit.tasks import Tasks

_FIELDS = Channel.__struct_fields__


def build_channel_fields(channel: Channel, grants: list[Grant]) -> dict[str, Any]:
    """Return the fields of a response about a channel."""
    return {**{name: getattr(channel, name) for name in _FIELDS}, "access_grants": grants}


class ChannelService:
    """Change channels for users."""

    def __init__(self, *, db: Database, grants: Grants, bus: Bus, tasks: Tasks) -> None:
        self._db = db
        self._grants = grants
        self._bus = bus
        self._tasks = tasks

    # -- descriptions ----------------------------------------------------------------------------------------------

    async def describe_channel(self, channel: Channel) -> ChannelResponse:
        """Return a channel with its grants."""
        return ChannelResponse(**build_channel_fields(channel, await self._grants.list_grants(KIND, channel.id)))

    async def describe_channels(self, channels: Sequence[Channel]) -> list[ChannelResponse]:
        """Return several channels with their grants."""
        grants = await self._grants.list_grants_by_resource(KIND, [channel.id for channel in channels])
        return [ChannelResponse(**build_channel_fields(channel, grants[channel.id])) for channel in channels]

    # -- creation --------------------------------------------------------------------------------------------------

    async def create_channel(self, user: User, form: CreateChannelForm) -> ChannelResponse:
        """Create a channel, or reopen the direct channel that has exactly these members.

        Grants that the user may not give are skipped, and so are members of group channels that do not exist.

        Raises:
            BadRequest: the members of a direct channel are missing. NotFound: one of them does not exist.
        """
        if form.type == "dm":
            if form.user_ids is None:
                raise BadRequest(messages.SOMETHING_WRONG)
            channel, is_new = await self._open_direct(user, form)
            if not is_new:
                await self._publish(user, "channel.member_active_updated", channel.id, is_active=True)
                return await self.describe_channel(channel)
        else:
            channel = await self._insert_channel(user, form, await self._list_first_members(user, form))
        await self._publish(user, "channel.created", channel.id, type=channel.type, name=channel.name)
        return await self.describe_channel(channel)

    async def open_direct_channel(self, user: User, other_id: str) -> ChannelResponse:
        """Return the direct channel of two users, or of a user alone; it is created where it is missing.

        Raises:
            NotFound: there is no such user.
        """
        channel, _ = await self._open_direct(user, CreateChannelForm(type="dm", user_ids=[other_id]))
        return await self.describe_channel(channel)

    async def _open_direct(self, user: User, form: CreateChannelForm) -> tuple[Channel, bool]:
        """Return the direct channel of a user and those of the form, and whether it is new; it is in the user's list.

        Raises:
            NotFound: one of the users does not exist.
        """
        user_ids = {
            user.id,
            *(form.user_ids or ()),
            *await member_store.list_group_users(self._db, form.group_ids or []),
        }
        if user_ids != await member_store.list_existing_users(self._db, user_ids):
            raise NotFound(messages.USER_NOT_FOUND)
        existing = await store.find_direct_channel(self._db, user.id, user_ids)
        if existing is None:
            return await self._insert_channel(user, form, user_ids), True
        await self._enter_members(existing.id, await member_store.list_user_ids(self._db, existing.id))
        await member_store.set_active(self._db, existing.id, user.id, is_active=True)
        return existing, False

    async def _list_first_members(self, user: User, form: CreateChannelForm) -> set[str]:
        """Return the members of a new channel: those of a group channel that exist; standard channels have none."""
        if form.type != "group":
            return set()
        group_users = await member_store.list_group_users(self._db, form.group_ids or [])
        return {user.id} | await member_store.list_existing_users(self._db, [*(form.user_ids or ()), *group_users])

    async def _insert_channel(self, user: User, form: CreateChannelForm, user_ids: set[str]) -> Channel:
        allowed = await self._grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
        async with self._db.transaction(long=len(user_ids) >= member_store.MANY_MEMBERS) as tx:
            if form.type == "dm":
                await store.lock_direct_channels(tx)
                existing = await store.find_direct_channel(tx, user.id, user_ids)
                if existing is not None:  # another request was faster
                    return existing
            channel = await store.insert_channel(tx, user.id, form)
            await member_store.insert_members(tx, channel.id, sorted(user_ids), invited_by=user.id)
            await self._grants.replace_grants(tx, KIND, channel.id, allowed)
        await self._enter_members(channel.id, user_ids)
        return channel

    async def _enter_members(self, channel_id: str, user_ids: Iterable[str]) -> None:
        """Have the pages of users list their channels again and receive what happens in this one."""
        members = tuple(user_ids)
        await self._bus.publish(PersonalMessage(members, {"data": {"type": "channel:created"}}))
        await self._bus.publish(MembersEntered(channel_id, members))

    # -- changes ---------------------------------------------------------------------------------------------------

    async def update_channel(self, channel: Channel, user: User, form: ChannelForm) -> ChannelResponse:
        """Replace the name, the description, the privacy and the data of a channel.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        await self._bus.publish(ChannelAccessChanged(channel.id))
        await store.update_channel(self._db, channel.id, form)
        updated = await store.find_channel(self._db, channel.id)
        if updated is None:
            raise NotFound()
        await self._publish(user, "channel.updated", channel.id, name=updated.name, type=updated.type)
        return await self.describe_channel(updated)

    async def share_channel(self, channel: Channel, user: User, form: AccessForm) -> ChannelResponse:
        """Replace the grants of a standard channel; the pages of users who lose it leave its room.

        Raises:
            Forbidden: the channel has members instead of grants, or the user may not share with one of the audiences.
        """
        if channel.has_members:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        validated = await self._grants.validate_grants(user.id, user.role, form.access_grants, KIND)
        await self._bus.publish(ChannelAccessChanged(channel.id))
        earlier = find_readers(channel, await self._grants.list_grants(KIND, channel.id))
        async with self._db.transaction() as tx:
            grants = await self._grants.replace_grants(tx, KIND, channel.id, validated)
        current = find_readers(channel, grants)
        if earlier != current and current.audience != "everybody":
            lost_ids = await reader_store.list_reader_ids(self._db, earlier)
            lost_ids -= await reader_store.list_reader_ids(self._db, current)
            await self._bus.publish(MembersLeft(channel.id, tuple(lost_ids)))
        await self._bus.publish(GrantsChanged(KIND, channel.id))
        await self._publish(user, "channel.updated", channel.id, name=channel.name, type=channel.type)
        return ChannelResponse(**build_channel_fields(channel, grants))

    async def delete_channel(self, channel: Channel, user: User) -> None:
        """Delete a channel with everything in it; its messages are deleted in the background."""
        await self._bus.publish(ChannelAccessChanged(channel.id))
        async with self._db.transaction() as tx:
            await self._grants.delete_grants(tx, KIND, channel.id)
            await deletion_store.delete_dependents(tx, channel.id)
            await member_store.delete_all_members(tx, channel.id)
            await store.delete_channel(tx, channel.id)
        self._tasks.run_in_background(deletion_store.delete_messages(self._db, channel.id), may_finish=True)
        await self._bus.publish(ChannelDeleted(channel.id))
        await self._publish(user, "channel.deleted", channel.id, name=channel.name, type=channel.type)

    async def _publish(self, user: User, event: str, channel_id: str, **data: Any) -> None:
        await self._bus.publish(ActivityEvent(event, user, channel_id, data=data))
