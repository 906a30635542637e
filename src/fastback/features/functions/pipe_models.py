"""The models of active pipe functions, as entries of the list of models. The functions are asked in the background.

Their last lists are kept, each by itself, so a function that is slow holds up no other. All are asked again after a
change of any function. Without an active pipe, the plugin process is not asked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from fastback.features.functions import store
from fastback.features.functions.catalogue import ActiveFunction, FunctionCatalogue
from fastback.features.functions.events import FunctionsChanged
from fastback.kit.bus import Bus, EventsLost
from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone
from fastback.providers.model import Entry
from fastback.providers.model_checks import MAX_NAME_LENGTH

log = logging.getLogger("fastback.plugins")

#: Seconds between two rounds that requests for unknown models begin, and after a change in which a round is waited for:
#: code that imports large packages takes seconds to load.
_PAUSE, _PATIENCE = 1.0, 4.0


class _PipeModel(msgspec.Struct):
    """A model that `pipes` lists; the id is without that of the function."""

    id: str
    name: str


class PipeModels:
    """List the models of pipes; a `ModelSource`."""

    def __init__(
        self, *, db: Database, catalogue: FunctionCatalogue, host: PluginHost, bus: Bus, timeout: float | None
    ) -> None:
        """`timeout`: seconds that a function may take to list its models; the last list counts after that."""
        self._db = db
        self._catalogue = catalogue
        self._host = host
        self._timeout = timeout
        self._on_change: Callable[[], None] = lambda: None
        #: The entries of each function, by its id.
        self._entries: dict[str, list[Entry]] = {}
        self._task: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        #: Counts changes of functions, and the last that the lists or the running task know.
        self._change_count = 1
        self._listed_change = 0
        self._asked_change = 0
        bus.subscribe(FunctionsChanged, lambda _: self._forget(), elsewhere=True)
        bus.subscribe(EventsLost, lambda _: self._forget())

    def connect(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` whenever the list has changed."""
        self._on_change = on_change

    def _forget(self) -> None:
        self._change_count += 1
        self._on_change()

    def get_entries(self) -> list[Entry]:
        """Return the entries of the last lists."""
        return [entry for entries in self._entries.values() for entry in entries]

    # -- asking ----------------------------------------------------------------------------------------------------

    def list_first_tasks(self) -> list[asyncio.Task[None]]:
        """Return the task that asks for the first time after a change; none where it has taken long already."""
        if self._asked_change != self._change_count:
            return self._start()
        is_first = self._task is not None and self._listed_change != self._change_count
        is_new = time.monotonic() - self._asked_at < _PATIENCE
        return [self._task] if self._task is not None and is_first and is_new else []

    def ask(self) -> list[asyncio.Task[None]]:
        """Ask all functions in the background; return the task, none where they were asked a moment ago."""
        is_known = self._asked_change == self._change_count
        if is_known and self._task is not None:
            return [self._task]
        if is_known and time.monotonic() - self._asked_at < _PAUSE:
            return []
        return self._start()

    def ask_if_older(self, seconds: float) -> None:
        """Ask all functions in the background where they were last asked longer ago than this."""
        if self._task is None and self._asked_at and time.monotonic() - self._asked_at > seconds:
            self._start()

    def _start(self) -> list[asyncio.Task[None]]:
        """Ask; a task that runs has begun before a change, and is left to itself."""
        self._asked_at = time.monotonic()
        self._asked_change = self._change_count
        task = self._task = asyncio.get_running_loop().create_task(self._list_all(self._change_count))
        task.add_done_callback(self._finish)
        return [task]

    def _finish(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("listing the models of pipes failed", exc_info=error)

    async def _list_all(self, change_count: int) -> None:
        functions: list[ActiveFunction] = []
        if await store.has_active_pipe(self._db):
            try:
                functions = await self._catalogue.list_by_type("pipe")
            except PluginProcessGone as error:
                self._retry_soon(error)
                return
        if change_count != self._change_count:
            return
        listed_ids = [function.id for function in functions]
        if any(function_id not in listed_ids for function_id in self._entries):
            self._entries = {name: entries for name, entries in self._entries.items() if name in listed_ids}
            self._on_change()
        await asyncio.gather(*(self._list_models(function, change_count) for function in functions))
        if change_count == self._change_count:
            self._entries = {name: self._entries[name] for name in listed_ids if name in self._entries}
            self._listed_change = change_count

    async def _list_models(self, function: ActiveFunction, change_count: int) -> None:
        """Ask one function, and keep its list. One that fails has no models; one that is late keeps those it had."""
        try:
            entries = await asyncio.wait_for(self._fetch_entries(function), self._timeout)
        except TimeoutError:
            log.warning("pipe %s does not list its models in time, its last list is used", function.id)
            return
        except PluginProcessGone as error:
            self._retry_soon(error)
            return
        except (RemoteFailure, msgspec.ValidationError) as error:
            log.warning("listing the models of pipe %s failed, it has none: %s", function.id, error)
            entries = []
        if change_count == self._change_count and self._entries.get(function.id, []) != entries:
            self._entries[function.id] = entries
            self._on_change()

    def _retry_soon(self, error: PluginProcessGone) -> None:
        """Let the next request for models ask again; the last lists are used."""
        log.error("listing the models of pipes failed, retrying soon: %s", error)
        self._asked_at = time.monotonic() - 3600

    async def _fetch_entries(self, function: ActiveFunction) -> list[Entry]:
        listed: Any = await self._host.call("pipes.list", plugins=[function.key], function=function.get_reference())
        if listed is None:
            return [_build_entry(function, function.id, function.name)]
        models = msgspec.convert(listed, list[_PipeModel])
        return [
            _build_entry(function, f"{function.id}.{model.id}", model.name)
            for model in {model.id: model for model in models}.values()
            if len(model.id) <= MAX_NAME_LENGTH and len(model.name) <= MAX_NAME_LENGTH
        ]


def _build_entry(function: ActiveFunction, model_id: str, name: str) -> Entry:
    return {
        "id": model_id,
        "name": name,
        "object": "model",
        "created": function.created_at,
        "owned_by": "openai",
        "pipe": {"type": function.type},
        "has_user_valves": function.has_user_valves,
    }
