"""Tokens of users at the provider that they signed in with."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import call_server


async def get_system_oauth_token(request: Any, user: Any = None) -> Any:
    """Return the token response of the user's session at their provider, renewed if it expires soon, or None."""
    user_id = user.get("id") if isinstance(user, dict) else getattr(user, "id", None)
    if not user_id:
        return None
    cookies = getattr(request, "cookies", None) or {}
    session_id = str(cookies.get("oauth_session_id") or "")
    return await call_server("oauth.find_token", user_id=str(user_id), session_id=session_id)
