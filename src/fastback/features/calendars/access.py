"""Who may use calendars, read one, write to it, and manage it."""

from __future__ import annotations

from fastback import messages
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import AUTOMATIONS_ENABLE, CALENDAR_ENABLE
from fastback.features.calendars import store
from fastback.features.calendars.store import Calendar
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotFound

KIND = "calendar"


class CalendarAccess:
    """Check the access of users to calendars: open to their owner, to administrators, and by grants."""

    def __init__(self, *, db: Database, config: Config, permissions: Permissions, grants: Grants) -> None:
        self._db = db
        self._config = config
        self._permissions = permissions
        self._grants = grants

    async def may_use(self, user: User) -> bool:
        """Return whether calendars are enabled, and permitted to this user."""
        if not self._config.get_bool(CALENDAR_ENABLE):
            return False
        return user.is_admin or await self._permissions.has(user.id, "features.calendar")

    async def may_use_automations(self, user: User) -> bool:
        """Return whether automations are enabled, and permitted to this user."""
        if not self._config.get_bool(AUTOMATIONS_ENABLE):
            return False
        return user.is_admin or await self._permissions.has(user.id, "features.automations")

    async def require_feature(self, user: User) -> None:
        """Check that calendars are enabled, and permitted to this user.

        Raises:
            Forbidden: they are not.
        """
        if not await self.may_use(user):
            raise Forbidden(messages.UNAUTHORIZED)

    async def get_calendar(self, calendar_id: str, user: User, permission: str) -> Calendar:
        """Return a calendar that a user may `read` or `write` (`permission`).

        Raises:
            NotFound: there is no such calendar. Forbidden: the user may not.
        """
        calendar = await store.find_calendar(self._db, calendar_id)
        if calendar is None:
            raise NotFound("Calendar not found")
        if calendar.user_id == user.id or user.is_admin:
            return calendar
        if not await self._grants.has_access(user.id, KIND, calendar.id, permission):
            raise Forbidden("Access denied")
        return calendar

    async def get_owned_calendar(self, calendar_id: str, user: User, *, refusal: str) -> Calendar:
        """Return a calendar that a user owns, or any calendar for an administrator.

        Raises:
            NotFound, Forbidden: see `get_calendar`; Forbidden with `refusal` for one that the user may only write.
        """
        calendar = await self.get_calendar(calendar_id, user, "write")
        if calendar.user_id != user.id and not user.is_admin:
            raise Forbidden(refusal)
        return calendar

    async def list_group_ids(self, user: User) -> list[str]:
        """List the ids of a user's groups, for statements about grants."""
        return await self._permissions.list_group_ids(user.id)
