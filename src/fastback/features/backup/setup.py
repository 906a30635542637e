"""List the routes of backup for the composition root."""

from __future__ import annotations

from fastback.features.backup import routes
from fastback.kit.services import Component

COMPONENT = Component(name="backup", routers=[routes.router])
