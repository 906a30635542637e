"""Who may use channels, read one, write to it, and manage it."""

from __future__ import annotations

from fastback import messages
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_ENABLE
from fastback.features.channels import store
from fastback.features.channels.members import store as member_store
from fastback.features.channels.store import Channel
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotFound, Unauthorized

KIND = "channel"


class ChannelAccess:
    """Check the access of users to channels.

    Group and direct channels are open to their active members alone; administrators need a membership, too. Standard
    channels are open to their owner, to administrators, and by grants.
    """

    def __init__(self, *, db: Database, config: Config, permissions: Permissions, grants: Grants) -> None:
        self._db = db
        self._config = config
        self._permissions = permissions
        self._grants = grants

    async def may_use(self, user: User) -> bool:
        """Return whether channels are enabled, and permitted to this user."""
        if not self._config.get_bool(CHANNELS_ENABLE):
            return False
        return user.is_admin or await self._permissions.has(user.id, "features.channels")

    async def require_feature(self, user: User) -> None:
        """Check that channels are enabled, and permitted to this user.

        Raises:
            Forbidden: channels are disabled. Unauthorized: the user may not use them.
        """
        self.require_enabled()
        if not await self.may_use(user):
            raise Unauthorized(messages.UNAUTHORIZED)

    def require_enabled(self) -> None:
        """Check that channels are enabled.

        Raises:
            Forbidden: they are disabled.
        """
        if not self._config.get_bool(CHANNELS_ENABLE):
            raise Forbidden(messages.feature_disabled("Channels"))

    async def is_allowed(self, channel: Channel, user: User, permission: str) -> bool:
        """Return whether a user may `read` or `write` (`permission`) a channel."""
        if channel.has_members:
            return await member_store.is_active_member(self._db, channel.id, user.id)
        if user.is_admin or channel.user_id == user.id:
            return True
        return await self._grants.has_access(user.id, KIND, channel.id, permission)

    async def get_channel(self, channel_id: str, user: User) -> Channel:
        """Return a channel, whatever the user may do with it.

        Raises:
            Forbidden, Unauthorized: see `require_feature`. NotFound: there is no such channel.
        """
        await self.require_feature(user)
        channel = await store.find_channel(self._db, channel_id)
        if channel is None:
            raise NotFound()
        return channel

    async def require_allowed(self, channel: Channel, user: User, permission: str) -> None:
        """Check that a user may `read` or `write` (`permission`) a channel.

        Raises:
            Forbidden: the user may not.
        """
        if not await self.is_allowed(channel, user, permission):
            raise Forbidden(messages.SOMETHING_WRONG)

    async def get_permitted_channel(self, channel_id: str, user: User, permission: str) -> Channel:
        """Return a channel that a user may `read` or `write` (`permission`).

        Raises:
            Forbidden, Unauthorized, NotFound: see `get_channel`; Forbidden also for one that is not permitted.
        """
        channel = await self.get_channel(channel_id, user)
        await self.require_allowed(channel, user, permission)
        return channel

    async def get_owned_channel(self, channel_id: str, user: User, *, refusal: str = "") -> Channel:
        """Return a channel that a user owns, or any channel for an administrator.

        Raises:
            Forbidden, Unauthorized, NotFound: see `get_channel`; Forbidden with `refusal` for one of another owner.
        """
        channel = await self.get_channel(channel_id, user)
        if channel.user_id != user.id and not user.is_admin:
            raise Forbidden(refusal or messages.SOMETHING_WRONG)
        return channel

    async def is_manager(self, channel: Channel, user: User) -> bool:
        """Return whether a user owns a channel or manages it; administrators are not handled here."""
        return channel.user_id == user.id or await member_store.is_manager(self._db, channel.id, user.id)

    async def get_managed_channel(self, channel_id: str, user: User) -> Channel:
        """Return a channel that a user manages, or any channel for an administrator.

        Raises:
            Forbidden, Unauthorized, NotFound: see `get_channel`; Forbidden for a channel that others manage.
        """
        channel = await self.get_channel(channel_id, user)
        if not await self.is_manager(channel, user) and not user.is_admin:
            raise Forbidden(messages.UNAUTHORIZED)
        return channel

    async def list_group_ids(self, user: User) -> list[str]:
        """List the ids of a user's groups, for statements about grants."""
        return await self._permissions.list_group_ids(user.id)
