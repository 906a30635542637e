"""Connections to other servers (of tools, of terminals) and whom they are open to."""

from __future__ import annotations

from typing import Any

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.providers.request_context import RequestContext, with_groups, with_own_headers
from fastback.settings import Settings


def opens(connection: dict[str, Any], user: User, group_ids: list[str], settings: Settings) -> bool:
    """Whether a user may use a connection: by the grants in its `config.access_grants`; without any, administrators."""
    if user.is_admin and settings.bypass_admin_access_control:
        return True
    grants = (connection.get("config") or {}).get("access_grants") or []
    if not grants:
        return user.is_admin
    return any(
        isinstance(one, dict)
        and one.get("permission") == "read"
        and (
            (one.get("principal_type") == "user" and one.get("principal_id") in ("*", user.id))
            or (one.get("principal_type") == "group" and one.get("principal_id") in group_ids)
        )
        for one in grants
    )


async def server_headers(
    connection: dict[str, Any], user: User, token: str | None, permissions: Permissions
) -> dict[str, str]:
    """The credentials and headers for a tool server: the connection's key, or the `token` of who asks."""
    found = {"bearer": connection.get("key"), "session": token}.get(connection.get("auth_type") or "bearer")
    headers = {"Authorization": f"Bearer {found}"} if found else {}
    own = connection.get("headers")
    return with_own_headers(headers, own, await with_groups(own, RequestContext(user=user), permissions))
