"""Which channels apps take part in, and who may use them there."""

from __future__ import annotations

from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_ENABLE
from fastback.features.apps.access import AppAccess
from fastback.features.apps.schemas import App
from fastback.features.channels import store as channel_store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.apps import store
from fastback.features.channels.members import store as member_store
from fastback.features.channels.store import Channel
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotFound


class AppChannelAccess:
    """Check the access of apps to channels, and of users to apps in channels."""

    def __init__(self, *, db: Database, config: Config, apps: AppAccess, channels: ChannelAccess) -> None:
        self._db = db
        self._config = config
        self._apps = apps
        self._channels = channels

    @property
    def is_enabled(self) -> bool:
        """Whether apps and channels are enabled."""
        return self._apps.is_enabled and self._config.get_bool(CHANNELS_ENABLE)

    def require_channels(self) -> None:
        """Raise Forbidden if channels are disabled."""
        if not self._config.get_bool(CHANNELS_ENABLE):
            raise Forbidden("Channels are disabled")

    async def get_channel(self, channel_id: str) -> Channel:
        """Return a channel that may have apps.

        Raises:
            NotFound: apps are disabled, or there is no such channel. Forbidden: channels are disabled.
        """
        self._apps.require_enabled()
        self.require_channels()
        channel = await channel_store.find_channel(self._db, channel_id)
        if channel is None or channel.type == "dm" or channel.deleted_at or channel.archived_at:
            raise NotFound("Channel unavailable")
        return channel

    async def get_readable_channel(self, channel_id: str, user: User) -> Channel:
        """Return a channel that may have apps and that a user may read, or any such channel for an administrator.

        Raises:
            NotFound, Forbidden: see `get_channel`; Forbidden also where the user may not.
        """
        channel = await self.get_channel(channel_id)
        if not user.is_verified:
            raise Forbidden("User is inactive")
        if not user.is_admin and not await self._channels.is_allowed(channel, user, "read"):
            raise Forbidden("Channel access denied")
        return channel

    async def get_managed_channel(self, channel_id: str, user: User) -> Channel:
        """Return a channel that may have apps and that a user manages, or any such channel for an administrator.

        Raises:
            NotFound, Forbidden: see `get_channel`; Forbidden also where the user may not.
        """
        channel = await self.get_channel(channel_id)
        if not user.is_admin and not await self._channels.is_manager(channel, user):
            raise Forbidden("Channel access denied")
        return channel

    async def get_joined_channel(self, app: App, channel_id: str) -> Channel:
        """Return a channel that an active app takes part in.

        Raises:
            NotFound, Forbidden: see `get_channel`; Forbidden also where the app is inactive, or not in the channel.
        """
        await self._apps.get_active_app(app.id)
        channel = await self.get_channel(channel_id)
        if not await store.is_member(self._db, channel_id, app.id):
            raise Forbidden("Invite the app into this channel first")
        return channel

    async def require_invocation(self, app: App, channel_id: str, user: User) -> Channel:
        """Return a channel in which a user may use an app.

        Raises:
            NotFound, Forbidden: see `get_joined_channel`; Forbidden also where the user may not use the app, or may
            not read the channel.
        """
        await self._apps.require_access(app, user)
        await self.get_readable_channel(channel_id, user)
        return await self.get_joined_channel(app, channel_id)

    async def get_actor(self, user_id: str) -> User:
        """Return a user on whose behalf an app acts, as they are now.

        Raises:
            Forbidden: there is no such user.
        """
        accounts = await member_store.list_accounts(self._db, [user_id])
        if not accounts:
            raise Forbidden("Actor is unavailable")
        return User(id=user_id, email="", name=accounts[0].name, role=accounts[0].role)
