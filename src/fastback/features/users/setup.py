"""List the routes and the index of users for the composition root."""

from __future__ import annotations

from fastback.features.users import routes
from fastback.features.users.admin_store import INDEX
from fastback.features.users.oauth_store import INDEXES
from fastback.kit.services import Component

COMPONENT = Component(name="users", routers=routes.routers, indexes=[INDEX, *INDEXES])
