"""List the routes and the index of channels for the composition root."""

from __future__ import annotations

from fastback.features.channels import routes
from fastback.features.channels.store import INDEX
from fastback.kit.services import Component

COMPONENT = Component(name="channels", routers=[routes.router], indexes=[INDEX])
