"""`/openai` and `/ollama`: connections to model servers, and requests passed on to them."""

from __future__ import annotations

from fastback.completions.doors import ollama_chat_routes, openai_routes
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
    openai_routes.router,
    ollama_routes.router,
    ollama_models_routes.router,
    ollama_chat_routes.router,
    ollama_blob_routes.router,
]
