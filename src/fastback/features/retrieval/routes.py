"""`/api/v1/retrieval`: the routers of all operations."""

from __future__ import annotations

from fastback.features.retrieval import (
    config_routes,
    content_routes,
    processing_routes,
    query_routes,
    web_routes,
)

routers = [
    config_routes.router,
    query_routes.router,
    content_routes.router,
    processing_routes.router,
    web_routes.router,
]
