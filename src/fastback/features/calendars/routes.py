"""`/api/v1/calendars`: every operation on calendars."""

from __future__ import annotations

from fastback.features.calendars import calendar_routes

routers = [calendar_routes.router]
