"""List the routes of channels for the composition root."""

from __future__ import annotations

from fastback.features.channels import routes
from fastback.kit.services import Component

COMPONENT = Component(name="channels", routers=[routes.router])
