"""List the routes of gravatar for the composition root."""

from __future__ import annotations

from fastback.features.gravatar import routes
from fastback.kit.services import Component

COMPONENT = Component(name="gravatar", routers=[routes.router])
