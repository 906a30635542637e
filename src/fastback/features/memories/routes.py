"""`/api/v1/memories`: what a user wanted remembered."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotFound, Router

router = Router("/api/v1/memories")


class Memory(msgspec.Struct):
    id: str
    user_id: str
    type: str
    path: str | None
    content: str
    meta: msgspec.Raw
    updated_at: int
    created_at: int


@router.get("/")
async def mine(user: VerifiedUser, db: Database, config: Config, permissions: Permissions) -> list[Memory]:
    if not config.flag("memories.enable"):
        raise NotFound(messages.NOT_FOUND)
    if not user.is_admin and not await permissions.has(user.id, "features.memories"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    return await db.all(
        Memory,
        "memories.mine",
        """SELECT id, user_id, type, path, content, meta, updated_at, created_at FROM memory
           WHERE user_id = :user_id ORDER BY created_at, id""",
        user_id=user.id,
    )
