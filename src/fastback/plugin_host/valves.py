"""Valves of plugins: the stored values become objects of the plugin's classes before each call."""

from __future__ import annotations

import logging
from typing import Any

from fastback.plugin_host.loader import LoadedPlugin

log = logging.getLogger("fastback.plugin_host")

Values = dict[str, Any]


def set_valves(plugin: LoadedPlugin, stored: Values, *, drops_none: bool = False) -> None:
    """Give the instance its valves, in place; all requests share it. A plugin without valves is left as it is.

    Raises:
        Exception: the class rejects the values.
    """
    instance = plugin.instance
    if hasattr(instance, "valves") and hasattr(instance, "Valves"):
        values = {name: value for name, value in stored.items() if value is not None} if drops_none else stored
        instance.valves = instance.Valves(**values)


def get_priority(plugin: LoadedPlugin, stored: Values) -> float:
    """Return where a filter comes in the order of filters; 0 where it does not say."""
    try:
        priority = getattr(plugin.instance.Valves(**stored), "priority", 0)
    except Exception:
        return 0
    return priority if isinstance(priority, (int, float)) else 0


def build_user_valves(plugin: LoadedPlugin, stored: Values) -> Any:
    """Return the user's valves as an object of the plugin's class.

    Raises:
        Exception: the class rejects the values.
    """
    return plugin.instance.UserValves(**stored)


def add_user_valves(plugin: LoadedPlugin, user: Values, stored: Values) -> None:
    """Put the user's valves into `__user__`, in place. A failure is logged, and the key is missing then."""
    if not hasattr(plugin.instance, "UserValves"):
        return
    try:
        user["valves"] = build_user_valves(plugin, stored)
    except Exception as error:
        log.warning("the valves of user %s for %s are invalid: %s", user.get("id"), plugin.id, error)
