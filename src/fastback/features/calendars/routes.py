"""`/api/v1/calendars`: every operation on calendars."""

from __future__ import annotations

from fastback.features.calendars import calendar_routes
from fastback.features.calendars.events import routes as event_routes

routers = [event_routes.router, calendar_routes.router]
