"""List the routes and the indexes of evaluations for the composition root."""

from __future__ import annotations

from fastback.features.evaluations import routes
from fastback.features.evaluations.store import INDEXES
from fastback.kit.services import Component

COMPONENT = Component(name="evaluations", routers=[routes.router], indexes=INDEXES)
