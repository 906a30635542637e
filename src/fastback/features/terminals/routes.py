"""`/api/v1/terminals`: the terminal servers one may use."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.http import Router
from fastback.settings import Settings

router = Router("/api/v1/terminals")


def _granted(connection: dict[str, Any], user: User, groups: list[str]) -> bool:
    grants = (connection.get("config") or {}).get("access_grants") or []
    if not grants:
        return user.is_admin
    return any(
        one.get("permission") == "read"
        and (
            (one.get("principal_type") == "user" and one.get("principal_id") in ("*", user.id))
            or (one.get("principal_type") == "group" and one.get("principal_id") in groups)
        )
        for one in grants
    )


@router.get("/")
async def usable(
    user: VerifiedUser, config: Config, settings: Settings, permissions: Permissions
) -> list[dict[str, Any]]:
    if not settings.enable_tool_servers:
        return []
    groups = await permissions.group_ids(user.id)
    sees_all = user.is_admin and settings.bypass_admin_access_control
    return [
        {"id": one.get("id"), "url": one.get("url"), "name": one.get("name")}
        for one in config.items("terminal_server.connections")
        if isinstance(one, dict) and one.get("enabled", True) and (sees_all or _granted(one, user, groups))
    ]
