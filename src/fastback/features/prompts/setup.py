"""Register the routes of prompts."""

from __future__ import annotations

from fastback.features.prompts import routes
from fastback.kit.services import Component

COMPONENT = Component(name="prompts", routers=routes.routers)
