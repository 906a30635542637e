"""Tokens of sign-in services: this server keeps none for plugins."""

from __future__ import annotations

from typing import Any


async def get_system_oauth_token(request: Any, user: Any = None) -> Any:
    """Return the token of the sign-in service of a user: None."""
    return None
