"""`valves.…`: valves of functions and tools, shared ones and those of users."""

from __future__ import annotations

import time
from typing import Any, cast

from fastback.features.functions import store as function_store
from fastback.features.functions.events import FunctionsChanged
from fastback.features.plugins.loading import PluginKind
from fastback.features.plugins.valves import ValveStore
from fastback.features.tools import store as tool_store
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class ValveMethods:
    """Read and write valves for plugins; `kind` is `function` or `tool`."""

    def __init__(self, *, db: Database, valves: ValveStore, bus: Bus) -> None:
        self._db = db
        self._valves = valves
        self._bus = bus

    def add_to(self, methods: HostMethods) -> None:
        methods.add("valves.find", self.find_valves)
        methods.add("valves.set", self.set_valves)
        methods.add("valves.find_user_valves", self.find_user_valves)
        methods.add("valves.set_user_valves", self.set_user_valves)

    async def find_valves(self, kind: str, plugin_id: str) -> Json | None:
        """Return the valves of a plugin; None where there is no such plugin."""
        find = function_store.find_function if kind == "function" else tool_store.find_tool
        row: Any = await find(self._db, plugin_id)
        return None if row is None else self._valves.decode_column(row.valves)

    async def set_valves(self, kind: str, plugin_id: str, values: Json) -> None:
        """Write the valves of a plugin without a check by its class, as Open WebUI's tables do."""
        await self._valves.store_valves(self._db, cast(PluginKind, kind), plugin_id, values, int(time.time()))
        if kind == "function":
            await self._bus.publish(FunctionsChanged())

    async def find_user_valves(self, kind: str, plugin_id: str, user_id: str) -> Json:
        return await self._valves.get_user_valves(cast(PluginKind, kind), plugin_id, user_id)

    async def set_user_valves(self, kind: str, plugin_id: str, user_id: str, values: Json) -> None:
        await self._valves.store_user_valves(cast(PluginKind, kind), plugin_id, user_id, values)
