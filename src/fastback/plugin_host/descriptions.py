"""Describe functions to the server: what it needs to know to call them, or to leave them alone."""

from __future__ import annotations

from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.loader import LoadedPlugin, PluginLoader
from fastback.plugin_host.valves import get_priority

Json = dict[str, Any]

#: The methods by which the server calls functions.
_HOOKS = ("inlet", "request", "stream", "outlet", "pipe", "pipes", "action", "event")


class FunctionDescriber:
    """Load functions and say what they are."""

    def __init__(self, loader: PluginLoader) -> None:
        self._loader = loader

    async def describe_functions(self, functions: list[Json]) -> list[Json]:
        """Return what each function is; `{"id", "error"}` for one that does not load.

        Each of `functions` has `id`, `version` and stored `valves`.
        """
        return [await self._describe(function) for function in functions]

    async def _describe(self, function: Json) -> Json:
        try:
            plugin = await self._loader.load("function", function["id"], function["version"])
        except RemoteFailure as failure:
            return {"id": function["id"], "error": str(failure)}
        return {"id": plugin.id, **describe_function(plugin, function.get("valves") or {})}


def describe_function(plugin: LoadedPlugin, valves: Json) -> Json:
    """Return type, hooks, priority and whatever else of a function is known once it is loaded."""
    instance = plugin.instance
    return {
        "version": plugin.version,
        "type": plugin.type,
        "hooks": [hook for hook in _HOOKS if callable(getattr(instance, hook, None)) or hook_is_list(instance, hook)],
        "priority": get_priority(plugin, valves),
        "toggle": bool(getattr(instance, "toggle", None)),
        "icon": _get_text(instance, "icon_url") or _get_text(instance, "icon"),
        "name": _get_text(instance, "name"),
        "file_handler": bool(getattr(instance, "file_handler", False)),
        "has_user_valves": hasattr(instance, "UserValves"),
        "actions": _list_actions(instance),
    }


def hook_is_list(instance: Any, hook: str) -> bool:
    """Return whether a hook is the list that a manifold may name its models in."""
    return hook == "pipes" and isinstance(getattr(instance, hook, None), list)


def _get_text(instance: Any, name: str) -> str | None:
    value = getattr(instance, name, None)
    return value if isinstance(value, str) else None


def _list_actions(instance: Any) -> list[Json] | None:
    """Return the buttons of an action: `{id, name, icon_url}` each; None where it names none."""
    actions = getattr(instance, "actions", None)
    return [action for action in actions if isinstance(action, dict)] if isinstance(actions, list) else None
