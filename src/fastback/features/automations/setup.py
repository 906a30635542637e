"""Build the services of automations."""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.automations import due_store, routes, run_store
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.calendar_entries import CalendarEntries
from fastback.features.automations.schedules import Schedules
from fastback.features.automations.service import AutomationService
from fastback.features.channels.access import ChannelAccess
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks


async def set_up(services: Services) -> None:
    """Add `AutomationAccess`, `Schedules`, `AutomationService` and `CalendarEntries`."""
    db = services.get(Database)
    access = AutomationAccess(
        db=db,
        config=services.get(Config),
        permissions=services.get(Permissions),
        channels=services.get(ChannelAccess),
    )
    services.add(AutomationAccess, access)
    schedules = Schedules()
    services.get(Tasks).run_at_shutdown(schedules.workers.close)
    services.add(Schedules, schedules)
    services.add(AutomationService, AutomationService(db=db, access=access, schedules=schedules, bus=services.get(Bus)))
    services.add(CalendarEntries, CalendarEntries(db, schedules))


COMPONENT = Component(
    name="automations", routers=[routes.router], setup=set_up, indexes=[run_store.INDEX, due_store.INDEX]
)
