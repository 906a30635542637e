"""The stored functions and tools, as commands show them."""

from __future__ import annotations

import msgspec

from fastback.features.functions import store as functions_store
from fastback.features.plugins import failure_store
from fastback.features.plugins.loading import PluginKind
from fastback.features.tools import store as tools_store
from fastback.kit.db import Database
from fastback.kit.plugin_source import get_version
from fastback.schema.revision import has_table


class StoredPlugin(msgspec.Struct):
    """A function or a tool.

    Attributes:
        state: how it takes part in chats.
        failure: why its code did not load when the server last tried; empty if it did, or was not tried.
    """

    kind: PluginKind
    id: str
    type: str
    content: str
    valves: str | None
    state: str
    is_active: bool
    failure: str = ""


async def list_stored_plugins(db: Database) -> list[StoredPlugin]:
    """Return all functions and tools, each kind by id."""
    functions = [
        StoredPlugin(
            kind="function",
            id=row.id,
            type=row.type,
            content=row.content,
            valves=row.valves,
            state="off" if not row.is_active else "on, all models" if row.is_global else "on",
            is_active=row.is_active,
        )
        for row in sorted(await functions_store.list_functions(db), key=lambda row: row.id)
    ]
    tools = [
        StoredPlugin(
            kind="tool",
            id=row.id,
            type="tool",
            content=row.content,
            valves=row.valves,
            state="when chosen",
            is_active=True,
        )
        for row in await tools_store.list_code(db)
    ]
    plugins = functions + tools
    await _add_failures(db, plugins)
    return plugins


async def _add_failures(db: Database, plugins: list[StoredPlugin]) -> None:
    """Set the failure of each plugin, in place; those of other versions of the code do not count."""
    if not await has_table(db, failure_store.TABLE):
        return
    failures = {
        (failure.kind, failure.plugin_id, failure.version): failure.message
        for failure in await failure_store.list_failures(db)
    }
    for plugin in plugins:
        plugin.failure = failures.get((plugin.kind, plugin.id, get_version(plugin.content)), "")
