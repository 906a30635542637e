"""`/api/v1/automations`: the list of what runs by itself."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import AUTOMATIONS_ENABLE
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, Router
from fastback.records.listing import escape_like, list_json_spellings

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


class _Run(msgspec.Struct):
    id: str
    automation_id: str
    chat_id: str | None
    status: str
    error: str | None
    created_at: int


_LAST_RUNS = """SELECT r.id, r.automation_id, r.chat_id, r.status, r.error, r.created_at FROM automation_run r
    WHERE r.automation_id = ANY(:ids) AND r.created_at = (
        SELECT max(l.created_at) FROM automation_run l WHERE l.automation_id = r.automation_id)"""


def _found(query: str) -> tuple[str, dict[str, str]]:
    """The condition for a searched text, in the name or the stored JSON, and its parameters."""
    conditions, params = ["lower(name) LIKE lower(:query)"], {"query": f"%{query}%"}
    for place, spelling in enumerate(list_json_spellings(query)):
        conditions.append(f"lower(CAST(data AS TEXT)) LIKE lower(:data_{place}) ESCAPE '\\'")
        params[f"data_{place}"] = f"%{escape_like(spelling)}%"
    return f"({' OR '.join(conditions)})", params


@router.get("/list")
async def page(
    user: VerifiedUser,
    db: Database,
    config: Config,
    permissions: Permissions,
    query: str | None = None,
    status: str | None = None,
    folder_id: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    allowed = config.flag(AUTOMATIONS_ENABLE)
    if not allowed or not (user.is_admin or await permissions.has(user.id, "features.automations")):
        raise Forbidden(messages.UNAUTHORIZED)
    where, params = "user_id = :user_id", {"user_id": user.id}
    if folder_id:
        where, params["folder_id"] = f"{where} AND folder_id = :folder_id", folder_id
    if query:
        condition, more = _found(query)
        where, params = f"{where} AND {condition}", params | more
    if status in ("active", "paused"):
        where += f" AND is_active = {'TRUE' if status == 'active' else 'FALSE'}"
    total = await db.fetch_value("automations.count", f"SELECT count(*) FROM automation WHERE {where}", **params)
    rows = await db.fetch_all(
        _Automation,
        "automations.page",
        f"""SELECT id, user_id, folder_id, name, data, meta, is_active, last_run_at, next_run_at, created_at, updated_at
            FROM automation WHERE {where} ORDER BY created_at DESC, id
            LIMIT {PAGE} OFFSET {(max(page or 1, 1) - 1) * PAGE}""",
        **params,
    )
    runs = await db.fetch_all(_Run, "automations.last_runs", _LAST_RUNS, ids=[row.id for row in rows]) if rows else []
    last = {run.automation_id: run for run in runs}
    items = [{**msgspec.structs.asdict(row), "last_run": last.get(row.id), "next_runs": None} for row in rows]
    return {"items": items, "total": int(total or 0)}
