"""Members of channels: list them, add and remove them, and what a member sets for themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.features.channels.access import KIND
from fastback.features.channels.events import ChannelAccessChanged, MembersEntered, MembersLeft, PersonalMessage
from fastback.features.channels.members import reader_store, store
from fastback.features.channels.members.reader_store import Reader, ReaderQuery
from fastback.features.channels.members.readers import find_readers
from fastback.features.channels.members.schemas import (
    ACTIVE_SECONDS,
    ListedMember,
    MemberPage,
    MembersForm,
    RemovalForm,
)
from fastback.features.channels.members.store import Member, Person
from fastback.features.channels.schemas import ChannelUser
from fastback.features.channels.store import Channel
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotFound


class MemberService:
    """Read and change the members of channels."""

    def __init__(self, *, db: Database, grants: Grants, bus: Bus) -> None:
        self._db = db
        self._grants = grants
        self._bus = bus

    # -- lists -----------------------------------------------------------------------------------------------------

    async def list_users(self, channel_ids: list[str]) -> dict[str, list[ChannelUser]]:
        """Return the users in some channels by channel."""
        users: dict[str, list[ChannelUser]] = {channel_id: [] for channel_id in channel_ids}
        if channel_ids:
            active_since = clock.time() - ACTIVE_SECONDS
            for person in await store.list_people(self._db, channel_ids):
                users[person.channel_id].append(_describe_person(person, active_since))
        return users

    async def count_readers(self, channel: Channel) -> int:
        """Count the users who may read a standard channel."""
        readers = find_readers(channel, await self._grants.list_grants(KIND, channel.id))
        return await reader_store.count_readers(self._db, readers)

    async def list_readers(self, channel: Channel, query: ReaderQuery) -> MemberPage:
        """Return a page of the users who may read a channel; all members of a direct one."""
        if channel.type == "dm":
            members = await reader_store.list_members(self._db, channel.id)
            total = len(members)
        else:
            readers = find_readers(channel, await self._grants.list_grants(KIND, channel.id))
            members, total = await reader_store.list_reader_page(self._db, readers, query)
        active_since = clock.time() - ACTIVE_SECONDS
        return MemberPage([_describe_reader(member, active_since) for member in members], total)

    # -- changes ---------------------------------------------------------------------------------------------------

    async def join_channel(
        self, channel_id: str, user_id: str, *, is_muted: bool = False, has_read: bool = True
    ) -> Member:
        """Return the membership of a user, which is created where it is missing."""
        existing = await store.find_member(self._db, channel_id, user_id)
        if existing is not None:
            return existing
        async with self._db.transaction() as tx:
            await store.lock_channel(tx, channel_id)
            existing = await store.find_member(tx, channel_id, user_id)  # another request may have been faster
            if existing is not None:
                return existing
            return await store.insert_member(tx, channel_id, user_id, is_muted=is_muted, has_read=has_read)

    async def set_muted(self, channel: Channel, user: User, *, is_muted: bool) -> None:
        """Mute or unmute a channel for a user; a reader of a standard channel becomes a member who has read nothing."""
        if not await store.set_muted(self._db, channel.id, user.id, is_muted=is_muted):
            await self.join_channel(channel.id, user.id, is_muted=is_muted, has_read=False)
            await store.set_muted(self._db, channel.id, user.id, is_muted=is_muted)
        content = {"type": "channel:mute", "data": {"is_channel_muted": is_muted}}
        await self._bus.publish(PersonalMessage((user.id,), {"channel_id": channel.id, "data": content}))

    async def set_active(self, channel: Channel, user: User, *, is_active: bool) -> None:
        """Show a channel in the list of its member, or hide it until the next message.

        Raises:
            NotFound: the user is no active member.
        """
        if not await store.is_active_member(self._db, channel.id, user.id):
            raise NotFound()
        await self._bus.publish(ChannelAccessChanged(channel.id))
        await store.set_active(self._db, channel.id, user.id, is_active=is_active)
        await self._publish(user, "channel.member_active_updated", channel.id, is_active=is_active)

    async def add_members(self, channel: Channel, user: User, form: MembersForm) -> list[Member]:
        """Add users, those of groups, and the requester to a channel; return the new memberships.

        Users who are members already, or who do not exist, are skipped.

        Raises:
            Forbidden: the members of a direct channel do not change.
        """
        _require_changeable(channel)
        group_users = await store.list_group_users(self._db, form.group_ids)
        requested = await store.list_existing_users(self._db, {user.id, *form.user_ids, *group_users})
        async with self._db.transaction(long=len(requested) >= store.MANY_MEMBERS) as tx:
            await store.lock_channel(tx, channel.id)
            added_ids = sorted(requested - set(await store.list_user_ids(tx, channel.id)))
            members = await store.insert_members(tx, channel.id, added_ids, invited_by=user.id)
        if channel.has_members and added_ids:
            await self._bus.publish(PersonalMessage(tuple(added_ids), {"data": {"type": "channel:created"}}))
            await self._bus.publish(MembersEntered(channel.id, tuple(added_ids)))
        await self._publish(user, "channel.member_added", channel.id, user_ids=form.user_ids, group_ids=form.group_ids)
        return members

    async def remove_members(self, channel: Channel, user: User, form: RemovalForm) -> int:
        """Remove users from a channel, and return how many memberships there were.

        Raises:
            Forbidden: the members of a direct channel do not change.
        """
        _require_changeable(channel)
        await self._bus.publish(ChannelAccessChanged(channel.id))
        count = await store.delete_members(self._db, channel.id, form.user_ids)
        if channel.type == "group":
            await self._bus.publish(MembersLeft(channel.id, tuple(form.user_ids)))
        await self._publish(user, "channel.member_removed", channel.id, user_ids=form.user_ids)
        return count

    async def _publish(self, user: User, event: str, channel_id: str, **data: Any) -> None:
        await self._bus.publish(ActivityEvent(event, user, channel_id, data=data))


def _require_changeable(channel: Channel) -> None:
    if channel.type == "dm":
        raise Forbidden(messages.SOMETHING_WRONG)


def _describe_person(person: Person, active_since: float) -> ChannelUser:
    return ChannelUser(
        status_emoji=person.status_emoji,
        status_message=person.status_message,
        status_expires_at=person.status_expires_at,
        id=person.id,
        name=person.name,
        is_active=(person.last_active_at or 0) >= active_since,
    )


def _describe_reader(reader: Reader, active_since: float) -> ListedMember:
    fields = msgspec.structs.asdict(reader)
    last_active_at = fields.pop("last_active_at")
    return ListedMember(**fields, is_active=(last_active_at or 0) >= active_since)
