"""Collect the routers of `/openai` and `/ollama`."""

from __future__ import annotations

from fastback.features.connections import (
    config_routes,
    management_routes,
    ollama_blob_routes,
    ollama_models_routes,
    ollama_routes,
)

routers = [
    config_routes.router,
    management_routes.router,
    ollama_routes.router,
    ollama_models_routes.router,
    ollama_blob_routes.router,
]
