"""Connections to other servers (of tools, of terminals) and whom they are open to."""

from __future__ import annotations

from string import punctuation
from typing import Any
from urllib.parse import quote

from fastback.access.identity import User
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


def custom_headers(headers: dict[str, Any], user: User) -> dict[str, str]:
    """The headers an administrator gave a connection, with `{{USER_ID}}`, `{{USER_NAME}}`, … filled in."""
    variables = {
        "{{USER_ID}}": user.id,
        "{{USER_NAME}}": user.name.strip(),
        "{{USER_EMAIL}}": user.email.strip(),
        "{{USER_ROLE}}": user.role,
    }
    found = {}
    for name, value in headers.items():
        text = str(value)
        for variable, stands_for in variables.items():
            text = text.replace(variable, stands_for)
        found[str(name)] = quote(text, safe=punctuation + " \t")
    return found


def server_headers(connection: dict[str, Any], user: User, token: str | None) -> dict[str, str]:
    """The credentials and headers for a tool server: the connection's key, or the `token` of who asks."""
    found = {"bearer": connection.get("key"), "session": token}.get(connection.get("auth_type") or "bearer")
    headers = {"Authorization": f"Bearer {found}"} if found else {}
    custom = connection.get("headers")
    return headers | custom_headers(custom, user) if isinstance(custom, dict) else headers
