"""The active functions as turns need them: which hooks they have, their order, their valves. Nothing is asked twice.

Functions that are not active cost nothing, and without an active one the plugin process is never asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.features.functions import store
from fastback.features.functions.events import FunctionsChanged
from fastback.features.plugins.load_reports import LoadReports
from fastback.features.plugins.valves import ValveStore
from fastback.kit.bus import Bus, EventsLost
from fastback.kit.db import Database
from fastback.kit.plugin_source import get_version, update_imports
from fastback.plugins.host import PluginHost, PluginKey

log = logging.getLogger("fastback.plugins")


class ActiveFunction(msgspec.Struct, frozen=True, kw_only=True):
    """An active function that loads.

    Attributes:
        type: `pipe`, `filter`, `action` or `event`.
        version: changes with the code.
        hooks: those methods of it that the server calls.
        priority: the place of a filter in the order of filters.
        toggle: whether users switch the filter on for a question.
        title: the `name` that its code gives it; a manifold's is put before the names of its models.
        file_handler: whether it handles the files of a question itself.
        actions: the buttons of an action that names several.
    """

    id: str
    name: str
    type: str
    version: str
    is_global: bool
    created_at: int
    meta: dict[str, Any]
    valves: dict[str, Any]
    hooks: frozenset[str]
    priority: float = 0
    toggle: bool = False
    title: str | None = None
    icon: str | None = None
    file_handler: bool = False
    has_user_valves: bool = False
    actions: list[dict[str, Any]] | None = None

    @property
    def key(self) -> PluginKey:
        return PluginKey("function", self.id)

    @property
    def icon_url(self) -> str | None:
        """The icon that its header names, else that of its code."""
        manifest = self.meta.get("manifest")
        url = manifest.get("icon_url") if isinstance(manifest, dict) else None
        return url if isinstance(url, str) and url else self.icon

    def get_reference(self) -> dict[str, Any]:
        """Return what the plugin process needs to run it."""
        return {"id": self.id, "version": self.version, "valves": self.valves}


class _Description(msgspec.Struct, kw_only=True):
    """What the plugin process says of a function; `error` where it does not load."""

    id: str
    error: str | None = None
    hooks: frozenset[str] = frozenset()
    priority: float = 0
    toggle: bool = False
    icon: str | None = None
    name: str | None = None
    file_handler: bool = False
    has_user_valves: bool = False
    actions: list[dict[str, Any]] | None = None


class FunctionCatalogue:
    """Keep the active functions; they are described again after a change."""

    def __init__(
        self, *, db: Database, host: PluginHost, valves: ValveStore, reports: LoadReports, bus: Bus, enabled: bool
    ) -> None:
        self._db = db
        self._reports = reports
        self._host = host
        self._valves = valves
        self._bus = bus
        self._enabled = enabled
        self._functions: dict[str, ActiveFunction] | None = None
        self._loading: asyncio.Task[dict[str, ActiveFunction]] | None = None
        #: Counts changes: what was loaded meanwhile is not kept.
        self._change_count = 0
        self._prepare: Callable[[], Awaitable[None]] | None = None
        self._must_prepare = False
        bus.subscribe(FunctionsChanged, lambda _: self._forget())
        bus.subscribe(FunctionsChanged, lambda _: self._forget_changed_elsewhere(), here=False, elsewhere=True)
        bus.subscribe(EventsLost, lambda _: self._forget_changed_elsewhere())

    def prepare_with(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Call `prepare` before functions are loaded that another process has changed: to install their packages."""
        self._prepare = prepare

    def _forget_changed_elsewhere(self) -> None:
        self._must_prepare = True
        self._forget()

    def _forget(self) -> None:
        self._change_count += 1
        self._functions = None
        self._loading = None

    async def get_functions(self) -> dict[str, ActiveFunction]:
        """Return the active functions that load, by id. One that does not load is switched off.

        Raises:
            PluginProcessGone: the process that loads them cannot be started.
        """
        if self._functions is not None:
            return self._functions
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load())
        return await asyncio.shield(self._loading)

    async def list_by_type(self, function_type: str) -> list[ActiveFunction]:
        """Return the active functions of a type."""
        return [function for function in (await self.get_functions()).values() if function.type == function_type]

    async def _load(self) -> dict[str, ActiveFunction]:
        change_count = self._change_count
        try:
            if self._must_prepare and self._prepare is not None:
                self._must_prepare = False
                await self._prepare()
            rows = await store.list_active(self._db) if self._enabled else []
            functions = await self._describe(rows) if rows else {}
        finally:
            if change_count == self._change_count:
                self._loading = None
        if change_count == self._change_count:
            self._functions = functions
        return functions

    async def _describe(self, rows: list[store.Function]) -> dict[str, ActiveFunction]:
        references: list[dict[str, Any]] = [
            {"id": row.id, "version": get_version(row.content), "valves": self._valves.decode_column(row.valves)}
            for row in rows
        ]
        keys = [PluginKey("function", row.id) for row in rows]
        described = await self._host.call("functions.describe", plugins=keys, functions=references)
        functions: dict[str, ActiveFunction] = {}
        failed: list[_Description] = []
        for row, reference, description in zip(
            rows, references, msgspec.convert(described, list[_Description]), strict=True
        ):
            if description.error is not None:
                failed.append(description)
                continue
            functions[row.id] = ActiveFunction(
                id=row.id,
                name=row.name,
                type=row.type,
                version=reference["version"],
                is_global=row.is_global,
                created_at=row.created_at,
                meta=row.meta,
                valves=reference["valves"],
                hooks=description.hooks,
                priority=description.priority,
                toggle=description.toggle,
                title=description.name,
                icon=description.icon,
                file_handler=description.file_handler,
                has_user_valves=description.has_user_valves,
                actions=description.actions,
            )
        for description in failed:
            log.error("function %s does not load and is switched off: %s", description.id, description.error)
            await store.update_function(self._db, description.id, is_active=False)
        return functions

    async def get_source(self, plugin_id: str) -> dict[str, str]:
        """Return the code of a function and its version, for the plugin process.

        Raises:
            LookupError: it has been deleted.
        """
        row = await store.find_function(self._db, plugin_id)
        if row is None:
            raise LookupError(f"there is no function {plugin_id}")
        return {"content": update_imports(row.content), "version": get_version(row.content)}

    async def switch_off(self, key: PluginKey, reason: str) -> None:
        """Switch off a function that has ended the plugin process several times in a row; report why."""
        row = await store.find_function(self._db, key.id) if key.kind == "function" else None
        if row is not None:
            text = f"It ended the plugin process several times in a row. {reason}"
            log.error("function %s is switched off: %s", key.id, text)
            await self._reports.report_load("function", key.id, get_version(row.content), text)
            await store.update_function(self._db, key.id, is_active=False)
            await self._bus.publish(FunctionsChanged())
