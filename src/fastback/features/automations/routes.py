"""`/api/v1/automations`: the list of what runs by itself."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, Router

router = Router("/api/v1/automations")

PAGE = 30


class _Automation(msgspec.Struct):
    id: str
    user_id: str
    folder_id: str | None
    name: str
    data: msgspec.Raw
    meta: msgspec.Raw
    is_active: bool
    last_run_at: int | None
    next_run_at: int | None
    created_at: int
    updated_at: int


@router.get("/list")
async def page(
    user: VerifiedUser,
    db: Database,
    config: Config,
    permissions: Permissions,
    query: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    allowed = config.flag("automations.enable")
    if not allowed or not (user.is_admin or await permissions.has(user.id, "features.automations")):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    where = "user_id = :user_id AND (CAST(:query AS TEXT) IS NULL OR lower(name) LIKE :query)"
    params = {"user_id": user.id, "query": f"%{query.lower()}%" if query else None}
    total = await db.scalar("automations.count", f"SELECT count(*) FROM automation WHERE {where}", **params)
    rows = await db.all(
        _Automation,
        "automations.page",
        f"""SELECT id, user_id, folder_id, name, data, meta, is_active, last_run_at, next_run_at, created_at, updated_at
            FROM automation WHERE {where} ORDER BY created_at DESC, id LIMIT {PAGE} OFFSET :skip""",
        skip=(max(page or 1, 1) - 1) * PAGE,
        **params,
    )
    items = [{**msgspec.structs.asdict(row), "last_run": None, "next_runs": None} for row in rows]
    return {"items": items, "total": int(total or 0)}
