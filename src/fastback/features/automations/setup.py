"""List the routes and the index of automations for the composition root."""

from __future__ import annotations

from fastback.features.automations import routes
from fastback.features.automations.store import INDEX
from fastback.kit.services import Component

COMPONENT = Component(name="automations", routers=[routes.router], indexes=[INDEX])
