"""`/api/v1/retrieval`, subject by subject."""

from __future__ import annotations

from fastback.features.retrieval import config_routes

routers = [
    config_routes.router,
]
