"""End the plugin process when nothing needs it, and when it has imported packages that were replaced since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastback.kit.rpc.errors import ChannelClosed, RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone

log = logging.getLogger("fastback.plugins")

#: Seconds between two looks at the process.
CHECK_SECONDS = 5.0

#: Returns whether something keeps an idle process.
Need = Callable[[], Awaitable[bool]]


class HostRetirement:
    """Watch the process. It ends only while no call is under way, no turn is open, and no plugin runs by itself."""

    def __init__(self, host: PluginHost, *, idle_seconds: float) -> None:
        """`idle_seconds`: how long the process is kept without a call; 0 keeps it for ever."""
        self._host = host
        self._idle_seconds = idle_seconds
        self._needs: list[Need] = []
        self._use_count = -1
        self._last_use = 0.0
        #: The generation of the process whose packages were replaced.
        self._outdated_generation = -1

    def add_need(self, need: Need) -> None:
        """Keep an idle process while `need` returns true."""
        self._needs.append(need)

    def note_installation(self, has_replaced: bool) -> None:
        """Let the process see new packages; with `has_replaced` another process takes its place when it is idle."""
        self._host.notify("host.find_packages")
        if has_replaced:
            self._outdated_generation = self._host.generation

    async def check(self) -> None:
        """End the process if nothing needs it."""
        host = self._host
        now = asyncio.get_running_loop().time()
        if host.use_count != self._use_count:
            self._use_count, self._last_use = host.use_count, now
        if not host.is_idle:
            return
        is_outdated = host.generation == self._outdated_generation
        if not is_outdated and not await self._is_idle_for_long(now):
            return
        if await self._is_occupied():
            self._last_use = now
            return
        # Nothing is awaited between this look and the end, so no call gets lost.
        if host.is_idle and host.use_count == self._use_count:
            await host.retire()

    async def _is_idle_for_long(self, now: float) -> bool:
        if not self._idle_seconds or now - self._last_use < self._idle_seconds:
            return False
        for need in self._needs:
            if await need():
                self._last_use = now
                return False
        return True

    async def _is_occupied(self) -> bool:
        """Return whether the process holds open turns, or plugins have tasks or threads of their own there."""
        try:
            report: dict[str, Any] = await self._host.call("host.ping")
        except (RemoteFailure, PluginProcessGone, ChannelClosed):
            return True
        self._use_count += 1  # this call
        return bool(report["turns"] or report["plugin_tasks"])
