"""Register the routes of skills."""

from __future__ import annotations

from fastback.features.skills import routes
from fastback.kit.services import Component

COMPONENT = Component(name="skills", routers=routes.routers)
