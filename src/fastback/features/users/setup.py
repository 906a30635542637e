"""List the routes of users for the composition root."""

from __future__ import annotations

from fastback.features.users import routes
from fastback.kit.services import Component

COMPONENT = Component(name="users", routers=routes.routers)
