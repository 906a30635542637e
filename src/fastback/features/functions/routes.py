"""`/api/v1/functions`: filters, pipes and actions."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.functions import record_routes, valves_routes
from fastback.kit.db import Database
from fastback.kit.http import Router
from fastback.records.listing import people
from fastback.settings import Settings

router = Router("/api/v1/functions")


class Function(msgspec.Struct):
    version_id: str | None
    id: str
    user_id: str
    type: str
    name: str
    meta: msgspec.Raw
    is_active: bool
    is_global: bool
    updated_at: int
    created_at: int


_ALL = """SELECT version_id, id, user_id, type, name, meta, COALESCE(is_active, FALSE), COALESCE(is_global, FALSE),
    updated_at, created_at FROM function"""


@router.get("/")
async def functions(user: VerifiedUser, db: Database, settings: Settings) -> list[Function]:
    if not settings.enable_functions:
        return []
    return await db.fetch_all(Function, "functions.all", _ALL)


@router.get("/list")
async def page(user: AdminUser, db: Database, settings: Settings) -> list[dict[str, Any]]:
    if not settings.enable_functions:
        return []
    rows = await db.fetch_all(Function, "functions.list", f"{_ALL} ORDER BY updated_at DESC")
    owners = await people(db, [row.user_id for row in rows])
    return [{**msgspec.structs.asdict(row), "user": owners.get(row.user_id)} for row in rows]


routers = [router, record_routes.router, valves_routes.router]
