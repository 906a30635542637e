"""`/api/v1/notes`: every operation on notes."""

from __future__ import annotations

from fastback.features.notes import chat_routes, list_routes, record_routes

routers = [list_routes.router, record_routes.router, chat_routes.router]
