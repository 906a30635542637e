"""List the routes of search for the composition root."""

from __future__ import annotations

from fastback.features.search import routes
from fastback.kit.services import Component

COMPONENT = Component(name="search", routers=[routes.router])
