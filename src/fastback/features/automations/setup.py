"""List the routes of automations for the composition root."""

from __future__ import annotations

from fastback.features.automations import routes
from fastback.kit.services import Component

COMPONENT = Component(name="automations", routers=[routes.router])
