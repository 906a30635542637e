"""List the routes of calendars for the composition root."""

from __future__ import annotations

from fastback.features.calendars import routes
from fastback.kit.services import Component

COMPONENT = Component(name="calendars", routers=[routes.router])
