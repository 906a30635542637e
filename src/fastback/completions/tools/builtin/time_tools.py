"""Time: what the clock says, now and some time ago."""

from __future__ import annotations

import calendar
import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, integer
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.users import store
from fastback.kit.db import Database

Json = dict[str, Any]


class TimeTools(BuiltinGroup):
    """`get_current_timestamp` and `calculate_timestamp`."""

    category = "time"
    has_fixed_tools = True

    def __init__(self, db: Database) -> None:
        self._db = db

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return True

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "get_current_timestamp",
                "Return the current time: as Unix timestamp in seconds, in UTC, and in the user's time zone.",
                [],
                self._get_current_time,
            ),
            BuiltinTool(
                "calculate_timestamp",
                "Return the current time and an earlier one, in seconds, to filter searches by date. "
                '"Last week" is weeks_ago=1, "three days ago" is days_ago=3.',
                [
                    integer("days_ago", "Days before now", 0),
                    integer("weeks_ago", "Weeks before now", 0),
                    integer("months_ago", "Months before now", 0),
                    integer("years_ago", "Years before now", 0),
                ],
                self._calculate_time,
            ),
        ]

    async def _find_zone(self, context: ToolCallContext) -> ZoneInfo | None:
        """Return the user's time zone; None where it is unknown or invalid."""
        name = await store.find_timezone(self._db, context.turn.user.id)
        try:
            return ZoneInfo(name) if name else None
        except (KeyError, ValueError, OSError):
            return None

    async def _get_current_time(self, arguments: Arguments, context: ToolCallContext) -> Json:
        now = datetime.datetime.now(datetime.UTC)
        result: Json = {"current_timestamp": int(now.timestamp()), "current_iso": now.isoformat()}
        zone = await self._find_zone(context)
        if zone is not None:
            result |= {"user_local_iso": now.astimezone(zone).isoformat(), "user_timezone": zone.key}
        return result

    async def _calculate_time(self, arguments: Arguments, context: ToolCallContext) -> Json:
        now = datetime.datetime.now(datetime.UTC)
        try:
            days = arguments.integer("days_ago") + 7 * arguments.integer("weeks_ago")
            months = arguments.integer("months_ago") + 12 * arguments.integer("years_ago")
            earlier = _subtract_months(now - datetime.timedelta(days=days), months)
        except (OverflowError, ValueError):
            raise ToolError("the time is out of range") from None
        result: Json = {
            "current_timestamp": int(now.timestamp()),
            "current_iso": now.isoformat(),
            "calculated_timestamp": int(earlier.timestamp()),
            "calculated_iso": earlier.isoformat(),
        }
        zone = await self._find_zone(context)
        if zone is not None:
            result |= {
                "user_local_iso": now.astimezone(zone).isoformat(),
                "calculated_local_iso": earlier.astimezone(zone).isoformat(),
                "user_timezone": zone.key,
            }
        return result


def _subtract_months(moment: datetime.datetime, months: int) -> datetime.datetime:
    """Return the same day some months earlier, or the last day of that month where it is shorter."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
