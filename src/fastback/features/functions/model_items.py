"""What the entries of models show of active actions and filters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from fastback.features.functions.catalogue import ActiveFunction, FunctionCatalogue
from fastback.features.functions.events import FunctionsChanged
from fastback.kit.bus import Bus, EventsLost
from fastback.plugins.host import PluginProcessGone
from fastback.providers.function_items import FunctionItem, FunctionItems

log = logging.getLogger("fastback.plugins")

#: Seconds that a list of models waits after a change until the functions are described again.
_PATIENCE = 2.0


class ModelItems:
    """Build the items once after each change of a function; a `FunctionItemSource`.

    A function that takes long to load delays no list of models: the last items count until it has loaded.
    """

    def __init__(self, *, catalogue: FunctionCatalogue, bus: Bus) -> None:
        self._catalogue = catalogue
        self._items = FunctionItems()
        self._is_current = False
        self._on_change: Callable[[], None] = lambda: None
        self._loading: asyncio.Task[None] | None = None
        bus.subscribe(FunctionsChanged, lambda _: self._forget(), elsewhere=True)
        bus.subscribe(EventsLost, lambda _: self._forget())

    def connect(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    def _forget(self) -> None:
        self._is_current = False
        self._loading = None
        self._on_change()

    async def get_items(self) -> FunctionItems:
        """Return the items of the active functions."""
        if self._is_current:
            return self._items
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load())
            await asyncio.wait([self._loading], timeout=_PATIENCE)
        return self._items

    async def _load(self) -> None:
        loading = asyncio.current_task()
        try:
            functions = await self._catalogue.get_functions()
            items = build_items(list(functions.values()))
        except PluginProcessGone as error:
            log.error("models are listed without their actions and filters, retrying soon: %s", error)
            if self._loading is loading:
                self._loading = None
            return
        if self._loading is not loading:
            return  # functions have changed meanwhile
        has_changed = items != self._items
        self._items, self._is_current, self._loading = items, True, None
        if has_changed:
            self._on_change()


def build_items(functions: list[ActiveFunction]) -> FunctionItems:
    """Return the items of functions: actions by their priority, filters by their id."""
    actions = [function for function in functions if function.type == "action"]
    filters = [function for function in functions if function.type == "filter"]
    return FunctionItems(
        actions=[
            FunctionItem(function.id, function.is_global, _build_actions(function))
            for function in sorted(actions, key=lambda function: (function.priority, function.id))
        ],
        filters=[
            FunctionItem(function.id, function.is_global, [_build_filter(function)] if function.toggle else [])
            for function in sorted(filters, key=lambda function: function.id)
        ],
    )


def _build_head(function: ActiveFunction) -> dict[str, Any]:
    return {
        "id": function.id,
        "name": function.name,
        "description": function.meta.get("description"),
        "icon": function.icon_url,
    }


def _build_actions(function: ActiveFunction) -> list[dict[str, Any]]:
    """Return a button for each action that the function names; one for the function where it names none."""
    head = _build_head(function)
    if function.actions is None:
        return [head]
    return [
        {
            "id": f"{function.id}.{action['id']}",
            "name": action.get("name", f"{function.name} ({action['id']})"),
            "description": head["description"],
            "icon": action.get("icon_url", head["icon"]),
        }
        for action in function.actions
        if "id" in action
    ]


def _build_filter(function: ActiveFunction) -> dict[str, Any]:
    return {**_build_head(function), "has_user_valves": function.has_user_valves}
