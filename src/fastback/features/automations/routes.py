"""Routes below `/api/v1/automations`: the list of a user's automations."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import AUTOMATIONS_ENABLE
from fastback.features.automations import store
from fastback.features.automations.store import AutomationFilter
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, Router

router = Router("/api/v1/automations")

PAGE_SIZE = 30
_STATES = {"active": True, "paused": False}


@router.get("/list")
async def list_automations(
    user: VerifiedUser,
    db: Database,
    config: Config,
    permissions: Permissions,
    query: str | None = None,
    status: str | None = None,
    folder_id: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    """List a page of the current user's automations, each with its last run."""
    is_enabled = config.get_bool(AUTOMATIONS_ENABLE)
    if not is_enabled or not (user.is_admin or await permissions.has(user.id, "features.automations")):
        raise Forbidden(messages.UNAUTHORIZED)
    criteria = AutomationFilter(user.id, folder_id, query, _STATES.get(status or ""))
    skip = (max(page or 1, 1) - 1) * PAGE_SIZE
    automations, total = await store.list_automations(db, criteria, limit=PAGE_SIZE, skip=skip)
    runs = await store.list_last_runs(db, [automation.id for automation in automations]) if automations else []
    last_runs = {run.automation_id: run for run in runs}
    items = [
        {**msgspec.structs.asdict(automation), "last_run": last_runs.get(automation.id), "next_runs": None}
        for automation in automations
    ]
    return {"items": items, "total": total}
