"""Every HTTP entrance to chat completions."""

from __future__ import annotations

from fastback.completions.doors import (
    anthropic_routes,
    chat_action_routes,
    chat_routes,
    completed_routes,
    embedding_routes,
    ollama_chat_routes,
    openai_routes,
    task_routes,
)
from fastback.completions.tasks import routes as generation_routes

routers = [
    chat_routes.router,
    task_routes.router,
    completed_routes.router,
    anthropic_routes.router,
    embedding_routes.router,
    openai_routes.router,
    ollama_chat_routes.router,
    generation_routes.router,
    chat_action_routes.router,
]
