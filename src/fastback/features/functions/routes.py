"""Routes for lists of functions, and the routers of `/api/v1/functions`."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.functions import record_routes, store, valves_routes
from fastback.features.functions.store import FunctionListItem
from fastback.kit.db import Database
from fastback.kit.http import Router
from fastback.records.listing import load_user_summaries
from fastback.settings import Settings

router = Router("/api/v1/functions")


@router.get("/")
async def list_functions(user: VerifiedUser, db: Database, settings: Settings) -> list[FunctionListItem]:
    return await store.list_items(db) if settings.enable_functions else []


@router.get("/list")
async def list_functions_with_owners(user: AdminUser, db: Database, settings: Settings) -> list[dict[str, Any]]:
    """Return all functions with their owners, the most recently updated first."""
    if not settings.enable_functions:
        return []
    rows = await store.list_recent_items(db)
    owners = await load_user_summaries(db, [row.user_id for row in rows])
    return [{**msgspec.structs.asdict(row), "user": owners.get(row.user_id)} for row in rows]


routers = [router, record_routes.router, valves_routes.router]
