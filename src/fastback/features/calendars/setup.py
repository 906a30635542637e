"""Build the services of calendars."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.automations.calendar_entries import CalendarEntries
from fastback.features.calendars import routes
from fastback.features.calendars.access import CalendarAccess
from fastback.features.calendars.events.listing import EventListing
from fastback.features.calendars.events.recurrence import Recurrence
from fastback.features.calendars.events.service import EventService
from fastback.features.calendars.indexes import INDEXES
from fastback.features.calendars.reminders.service import Reminders
from fastback.features.calendars.service import CalendarService
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.records.listing import RecordCatalog
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the services of calendars, and begin to send reminders."""
    db, grants, bus = services.get(Database), services.get(Grants), services.get(Bus)
    access = CalendarAccess(db=db, config=services.get(Config), permissions=services.get(Permissions), grants=grants)
    services.add(CalendarAccess, access)
    catalog = services.get(RecordCatalog)
    services.add(CalendarService, CalendarService(db=db, grants=grants, catalog=catalog, bus=bus))
    recurrence = Recurrence()
    services.get(Tasks).run_at_shutdown(recurrence.workers.close)
    services.add(EventService, EventService(db=db, access=access, recurrence=recurrence, bus=bus))
    listing = EventListing(db=db, access=access, recurrence=recurrence, entries=services.get(CalendarEntries))
    services.add(EventListing, listing)
    settings = services.get(Settings)
    reminders = Reminders(
        db=db,
        config=services.get(Config),
        grants=grants,
        bus=bus,
        cluster=services.get(Cluster),
        poll_seconds=settings.scheduler_poll_interval,
        lookahead_minutes=settings.calendar_alert_lookahead_minutes,
    )
    services.add(Reminders, reminders)
    services.get(Tasks).run_every(settings.scheduler_poll_interval, reminders.check)


COMPONENT = Component(name="calendars", routers=routes.routers, setup=set_up, indexes=INDEXES)
