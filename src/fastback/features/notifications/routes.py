"""`/api/v1/notifications`: where a user wants to be told of things."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.features.users import store as users
from fastback.kit.db import Database
from fastback.kit.http import Router

router = Router("/api/v1/notifications")


@router.get("/targets")
async def targets(user: VerifiedUser, db: Database) -> dict[str, Any]:
    raw = await users.json_column(db, user.id, "settings")
    settings = (msgspec.json.decode(raw) if raw is not None else None) or {}
    found = (settings.get("notifications") or {}).get("targets") if isinstance(settings, dict) else None
    return {"targets": found if isinstance(found, list) else []}
