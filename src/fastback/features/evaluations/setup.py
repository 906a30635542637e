"""List the routes of evaluations for the composition root."""

from __future__ import annotations

from fastback.features.evaluations import routes
from fastback.kit.services import Component

COMPONENT = Component(name="evaluations", routers=[routes.router])
