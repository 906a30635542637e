"""Headers of requests to other services that name the user."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastback.plugin_host.open_webui import env


def normalize_bearer_token(token: Any) -> str:
    return token.strip() if isinstance(token, str) else token or ""


def bearer_auth_header(token: Any) -> dict[str, str]:
    token = normalize_bearer_token(token)
    return {"Authorization": f"Bearer {token}"} if token else {}


def get_json_bearer_headers(token: Any = "") -> dict[str, str]:
    return {"Content-Type": "application/json", **bearer_auth_header(token)}


def include_user_info_headers(headers: dict[str, str], user: Any = None, *, request: Any = None) -> dict[str, str]:
    """Return headers with those that name the user. The signed token is not among them: its secret is the server's."""
    if user is None:
        return headers
    auth_type = getattr(getattr(request, "state", None), "auth_type", None)
    return {
        **headers,
        **({env.FORWARD_USER_INFO_HEADER_AUTH_TYPE: auth_type} if auth_type in ("api_key", "jwt") else {}),
        env.FORWARD_USER_INFO_HEADER_USER_NAME: quote(user.name.strip(), safe=" "),
        env.FORWARD_USER_INFO_HEADER_USER_ID: user.id,
        env.FORWARD_USER_INFO_HEADER_USER_EMAIL: user.email.strip(),
        env.FORWARD_USER_INFO_HEADER_USER_ROLE: user.role,
    }


async def get_custom_headers(
    custom_headers: Any, user: Any = None, metadata: dict[str, Any] | None = None, request: Any = None
) -> dict[str, str]:
    """Return headers with `{{CHAT_ID}}`, `{{USER_ID}}` and the other names replaced by their values."""
    metadata = metadata or {}
    question = metadata.get("user_message") or {}
    values = {
        "CHAT_ID": metadata.get("chat_id"),
        "MESSAGE_ID": metadata.get("message_id"),
        "USER_MESSAGE_ID": metadata.get("user_message_id") or question.get("id"),
        "USER_MESSAGE_PARENT_ID": question.get("parentId"),
        "TASK": metadata.get("task"),
        "USER_ID": getattr(user, "id", None),
        "USER_NAME": getattr(user, "name", None),
        "USER_EMAIL": getattr(user, "email", None),
        "USER_ROLE": getattr(user, "role", None),
    }
    headers = {}
    for name, template in (custom_headers if isinstance(custom_headers, dict) else {}).items():
        text = str(template)
        for variable, value in values.items():
            text = text.replace(f"{{{{{variable}}}}}", str(value or ""))
        headers[str(name)] = text
    return headers
