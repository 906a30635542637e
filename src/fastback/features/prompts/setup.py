"""List the routes of prompts for the composition root."""

from __future__ import annotations

from fastback.features.prompts import routes
from fastback.kit.services import Component

COMPONENT = Component(name="prompts", routers=routes.routers)
