"""`/api/v1/terminals`: the terminal servers one may use."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.connected import opens
from fastback.kit.http import Router
from fastback.settings import Settings

router = Router("/api/v1/terminals")

Connection = dict[str, Any]

#: What a terminal may be used in, and what its runtime may be kept for there.
_CONTEXTS = {"chat": ("default", "chat_id"), "automation": ("default", "automation_id")}


def _contexts(connection: Connection) -> dict[str, Any]:
    """Where a server that runs a terminal for each user offers it; nothing said: everywhere, one for all."""
    if connection.get("server_type") != "orchestrator" and not connection.get("policy_id"):
        return {}
    known = (connection.get("config") or {}).get("contexts")
    found: dict[str, Any] = {}
    for context, value in known.items() if isinstance(known, dict) else ():
        if context not in _CONTEXTS:
            continue
        if value is False:
            found[context] = False
        elif isinstance(value, dict):
            source = value.get("context_id")
            found[context] = {"context_id": source} if source in _CONTEXTS[context] else {}
    return found


def _uploads(connection: Connection) -> str:
    mode = (connection.get("config") or {}).get("chat_uploads")
    return mode if mode in ("default", "filesystem") else "default"


@router.get("/")
async def usable(
    user: VerifiedUser, config: Config, settings: Settings, permissions: Permissions
) -> list[dict[str, Any]]:
    if not settings.enable_tool_servers:
        return []
    groups = await permissions.group_ids(user.id)
    return [
        {
            "id": one.get("id", ""),
            "url": one.get("url", ""),
            "name": one.get("name", ""),
            "contexts": _contexts(one),
            "config": {"chat_uploads": _uploads(one)},
        }
        for one in config.items("terminal_server.connections")
        if isinstance(one, dict) and one.get("enabled", True) and opens(one, user, groups, settings)
    ]
