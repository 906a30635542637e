"""Load functions in the background after a change, so that the next chat does not wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.features.functions.events import FunctionsChanged
from fastback.kit.tasks import Tasks
from fastback.plugins.host import PluginProcessGone

log = logging.getLogger("fastback.plugins")

#: Seconds after a change in which further changes join it; the request that made it is answered meanwhile.
PAUSE_SECONDS = 0.2
#: Seconds after which a load is left to itself.
PATIENCE_SECONDS = 60.0


class FunctionReloading:
    """Have the active functions described after changes. Errors are reported as when a chat loads a function."""

    def __init__(
        self, *, catalogue: FunctionCatalogue, has_active_functions: Callable[[], Awaitable[bool]], tasks: Tasks
    ) -> None:
        self._catalogue = catalogue
        self._has_active_functions = has_active_functions
        self._tasks = tasks
        self._is_waiting = False

    def note_change(self, event: FunctionsChanged) -> None:
        """Load what is active in a moment."""
        if not self._is_waiting:
            self._is_waiting = True
            self._tasks.run_in_background(self._load())

    async def _load(self) -> None:
        try:
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self._is_waiting = False
        if not await self._has_active_functions():
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._catalogue.get_functions()
        except PluginProcessGone as error:
            log.error("loading the active functions failed: %s", error)
        except TimeoutError:
            log.warning("loading the active functions takes more than %g s", PATIENCE_SECONDS)
