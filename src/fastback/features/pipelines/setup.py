"""List the routes of pipelines for the composition root."""

from __future__ import annotations

from fastback.features.pipelines import routes
from fastback.kit.services import Component

COMPONENT = Component(name="pipelines", routers=[routes.router])
