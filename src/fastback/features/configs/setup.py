"""List the routes of configs for the composition root."""

from __future__ import annotations

from fastback.features.configs import routes
from fastback.kit.services import Component

COMPONENT = Component(name="configs", routers=routes.routers)
