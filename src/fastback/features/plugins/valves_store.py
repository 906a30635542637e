"""The `valves` columns of `tool` and `function`."""

from __future__ import annotations

from fastback.features.plugins.loading import PluginKind
from fastback.kit.db import Executor

SET_TOOL_VALVES = "UPDATE tool SET valves = :valves, updated_at = :now WHERE id = :id"
SET_FUNCTION_VALVES = "UPDATE function SET valves = :valves, updated_at = :now WHERE id = :id"

#: Name and text of the statement for each kind of plugin.
_SET_VALVES: dict[PluginKind, tuple[str, str]] = {
    "tool": ("tools.set_valves", SET_TOOL_VALVES),
    "function": ("functions.set_valves", SET_FUNCTION_VALVES),
}


async def set_valves(db: Executor, kind: PluginKind, plugin_id: str, valves: str, now: int) -> None:
    """Write the encoded valves of a plugin, and `now` as the time of its last update (seconds)."""
    name, text = _SET_VALVES[kind]
    await db.execute(name, text, id=plugin_id, valves=valves, now=now)
