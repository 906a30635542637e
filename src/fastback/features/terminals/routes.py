"""`/api/v1/terminals`: the terminal servers one may use."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.features.terminals import proxy_routes
from fastback.features.terminals.servers import Terminals, contexts, uploads
from fastback.kit.http import Router

router = Router("/api/v1/terminals")
routers = [router, proxy_routes.router]


@router.get("/")
async def usable(user: VerifiedUser, terminals: Terminals) -> list[dict[str, Any]]:
    return [
        {
            "id": one.get("id", ""),
            "url": one.get("url", ""),
            "name": one.get("name", ""),
            "contexts": contexts(one),
            "config": {"chat_uploads": uploads(one)},
        }
        for one in await terminals.usable(user)
    ]
