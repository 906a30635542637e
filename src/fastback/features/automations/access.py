"""Who may use automations, and with which folders, channels and schedules."""

from __future__ import annotations

from fastback import messages
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys.features import (
    AUTOMATIONS_ENABLE,
    AUTOMATIONS_MAX_COUNT,
    AUTOMATIONS_MIN_INTERVAL,
    CHANNELS_ENABLE,
)
from fastback.features.automations import store
from fastback.features.automations.schemas import Automation, AutomationData
from fastback.features.channels import store as channel_store
from fastback.features.channels.access import ChannelAccess
from fastback.features.folders import store as folder_store
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, NotFound

#: Automations of one user, whatever the settings say: a model could create them without end.
MAX_AUTOMATIONS = 10_000


class AutomationAccess:
    """Check what users may do with automations, which belong to their owners alone."""

    def __init__(self, *, db: Database, config: Config, permissions: Permissions, channels: ChannelAccess) -> None:
        self._db = db
        self._config = config
        self._permissions = permissions
        self._channels = channels

    @property
    def is_enabled(self) -> bool:
        """Whether automations are enabled."""
        return self._config.get_bool(AUTOMATIONS_ENABLE)

    async def is_permitted(self, user: User) -> bool:
        """Return whether a user may have automations, where they are enabled."""
        return user.is_admin or await self._permissions.has(user.id, "features.automations")

    async def require_feature(self, user: User) -> None:
        """Check that automations are enabled, and permitted to this user.

        Raises:
            Forbidden: they are not.
        """
        if not self.is_enabled or not await self.is_permitted(user):
            raise Forbidden(messages.UNAUTHORIZED)

    async def get_automation(self, automation_id: str, user: User) -> Automation:
        """Return an automation of a user.

        Raises:
            NotFound: the user has no such automation.
        """
        automation = await store.find_automation(self._db, automation_id)
        if automation is None or automation.user_id != user.id:
            raise NotFound()
        return automation

    async def owns_folder(self, folder_id: str, user_id: str) -> bool:
        """Return whether a user has this folder."""
        folder = await folder_store.find_folder(self._db, folder_id)
        return folder is not None and folder.user_id == user_id

    async def require_folder(self, folder_id: str | None, user: User) -> None:
        """Check that a folder is the user's own.

        Raises:
            NotFound: it is not.
        """
        if folder_id is not None and not await self.owns_folder(folder_id, user.id):
            raise NotFound()

    async def require_channel(self, data: AutomationData, user: User) -> None:
        """Check that a user may write to the channel that answers go to.

        Raises:
            NotFound: channels are disabled, or there is no such channel. Forbidden: the user may not write to it.
        """
        if data.channel_id is None:
            return
        channel = None
        if data.channel_id and self._config.get_bool(CHANNELS_ENABLE):
            channel = await channel_store.find_channel(self._db, data.channel_id)
        if channel is None:
            raise NotFound()
        if user.is_admin and not channel.has_members:
            return
        if not await self._channels.may_use(user):
            raise Forbidden(messages.SOMETHING_WRONG)
        await self._channels.require_allowed(channel, user, "write")

    # -- limits of administrators ------------------------------------------------------------------------------------

    async def require_room(self, user: User) -> None:
        """Check that a user may have another automation.

        Raises:
            Forbidden: there are as many as may be.
        """
        limit = None if user.is_admin else self._get_limit(AUTOMATIONS_MAX_COUNT)
        limit = MAX_AUTOMATIONS if limit is None else min(limit, MAX_AUTOMATIONS)
        if await store.count_automations(self._db, user.id) >= limit:
            raise Forbidden(f"Automation limit reached ({limit})")

    def require_interval(self, user: User, interval: int | None) -> None:
        """Check that a schedule runs no more often than the settings allow; `interval` in seconds.

        Raises:
            BadRequest: it does.
        """
        limit = None if user.is_admin else self._get_limit(AUTOMATIONS_MIN_INTERVAL)
        if limit is not None and interval is not None and interval < limit:
            raise BadRequest(f"Schedule too frequent. Minimum interval is {limit} seconds.")

    def _get_limit(self, key: ConfigKey) -> int | None:
        """Return a limit of the settings, or None for no limit."""
        value = self._config.get_number(key)
        return int(value) if value is not None and value > 0 else None
