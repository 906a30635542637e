"""`/api/v1/channels`: the channels one is in. Their messages come with channels as a whole."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotBuilt, Router, Unauthorized

router = Router("/api/v1/channels")


@router.get("/")
async def mine(user: VerifiedUser, db: Database, config: Config, permissions: Permissions) -> list[dict[str, Any]]:
    if not config.flag("channels.enable"):
        raise Forbidden(messages.feature_disabled("Channels"))
    if not user.is_admin and not await permissions.has(user.id, "features.channels"):
        raise Unauthorized(messages.UNAUTHORIZED)
    if await db.scalar("channels.any", "SELECT 1 FROM channel LIMIT 1"):
        raise NotBuilt("Listing channels")
    return []
