"""Build the services of calendars."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.calendars import routes
from fastback.features.calendars.access import CalendarAccess
from fastback.features.calendars.events.listing import EventListing
from fastback.features.calendars.events.recurrence import Recurrence
from fastback.features.calendars.events.service import EventService
from fastback.features.calendars.indexes import INDEXES
from fastback.features.calendars.service import CalendarService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.records.listing import RecordCatalog


async def set_up(services: Services) -> None:
    """Add `CalendarAccess`, `CalendarService`, `EventService` and `EventListing`."""
    db, grants, bus = services.get(Database), services.get(Grants), services.get(Bus)
    access = CalendarAccess(db=db, config=services.get(Config), permissions=services.get(Permissions), grants=grants)
    services.add(CalendarAccess, access)
    catalog = services.get(RecordCatalog)
    services.add(CalendarService, CalendarService(db=db, grants=grants, catalog=catalog, bus=bus))
    recurrence = Recurrence()
    services.get(Tasks).run_at_shutdown(recurrence.workers.close)
    services.add(EventService, EventService(db=db, access=access, recurrence=recurrence, bus=bus))
    services.add(EventListing, EventListing(db=db, access=access, recurrence=recurrence))


COMPONENT = Component(name="calendars", routers=routes.routers, setup=set_up, indexes=INDEXES)
