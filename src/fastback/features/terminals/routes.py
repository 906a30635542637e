"""Routes below `/api/v1/terminals`: the terminal servers that the user can use."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.features.terminals import proxy_routes
from fastback.features.terminals.servers import TerminalServers, get_upload_mode, list_contexts
from fastback.kit.http import Router

router = Router("/api/v1/terminals")
routers = [router, proxy_routes.router]


@router.get("/")
async def list_terminals(user: VerifiedUser, terminals: TerminalServers) -> list[dict[str, Any]]:
    """List the terminal servers that the current user may use."""
    return [
        {
            "id": connection.get("id", ""),
            "url": connection.get("url", ""),
            "name": connection.get("name", ""),
            "contexts": list_contexts(connection),
            "config": {"chat_uploads": get_upload_mode(connection)},
        }
        for connection in await terminals.list_usable(user)
    ]
