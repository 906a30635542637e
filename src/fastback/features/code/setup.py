"""List the routes of code for the composition root."""

from __future__ import annotations

from fastback.features.code import routes
from fastback.kit.services import Component

COMPONENT = Component(name="code", routers=[routes.router])
