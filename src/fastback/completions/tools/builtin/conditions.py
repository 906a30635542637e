"""Under which conditions built-in tools are offered: those of the model, of the user, and of the request."""

from __future__ import annotations

from typing import Any

from fastback.access.permissions import Permissions
from fastback.completions.turn import Turn


class OfferConditions:
    """The conditions of one turn."""

    def __init__(self, turn: Turn, permissions: Permissions) -> None:
        self._turn = turn
        self._permissions = permissions
        self._meta: dict[str, Any] = turn.model.entry_info.get("meta") or {}

    def is_category_enabled(self, category: str) -> bool:
        """Return whether the model's settings leave a category of built-in tools on.

        The chat of a note always has the tools for notes.
        """
        if category == "notes" and self._turn.location.note_id:
            return True
        categories = self._meta.get("builtinTools")
        return not isinstance(categories, dict) or categories.get(category, True) is not False

    def has_capability(self, name: str) -> bool:
        """Return whether the model's settings leave a capability on."""
        capabilities = self._meta.get("capabilities")
        return not isinstance(capabilities, dict) or capabilities.get(name, True) is not False

    def wants_feature(self, name: str) -> bool:
        """Return whether the request switches a feature on: `web_search`, `memory`, …"""
        return bool(self._turn.request.features.get(name))

    async def has_permission(self, name: str) -> bool:
        """Return whether the user has a permission, such as `features.web_search`; administrators have all."""
        user = self._turn.user
        return user.is_admin or await self._permissions.has(user.id, name)


def uses_builtin_tools(turn: Turn) -> bool:
    """Return whether built-in tools are offered: on pages, to models that call functions natively; in the chat of a
    note, to all models.

    API clients would not expect tools that they did not name.
    """
    if turn.is_forwarded or not turn.sink.runs_tools or turn.request.body.get("tools") is not None:
        return False
    if turn.location.note_id:
        return True
    if not turn.request.session_id:
        return False
    capabilities = (turn.model.entry_info.get("meta") or {}).get("capabilities")
    if isinstance(capabilities, dict) and capabilities.get("builtin_tools", True) is False:
        return False
    return not is_legacy(turn)


def is_legacy(turn: Turn) -> bool:
    """Return whether the model does not call functions itself: another one chooses the calls before it is asked."""
    return turn.parameters.get("function_calling") == "legacy"
