"""Register the routes of pipelines."""

from __future__ import annotations

from fastback.features.pipelines import routes
from fastback.kit.services import Component

COMPONENT = Component(name="pipelines", routers=[routes.router])
