"""`/api/v1/knowledge`: the routers of all operations on knowledge."""

from __future__ import annotations

from fastback.features.knowledge import (
    content_routes,
    directory_routes,
    external_routes,
    file_routes,
    list_routes,
    record_routes,
    removal_routes,
    source_routes,
    sync_routes,
)

routers = [
    list_routes.router,
    external_routes.router,
    source_routes.router,
    record_routes.router,
    file_routes.router,
    content_routes.router,
    removal_routes.router,
    directory_routes.router,
    sync_routes.router,
]
