"""Name the plugin that holds the event loop of the process: others wait for it, and in the end the process is killed.

A thread asks the loop for a sign of life. Where none comes in time, the stack of its thread says whose code runs.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from fastback.plugin_host.loader import run_code
from fastback.plugin_host.server_link import ServerLink

log = logging.getLogger("fastback.plugin_host")

#: Seconds that the loop may take for a sign of life.
HOLD_SECONDS = 0.1
#: Seconds between two questions: while something runs, and otherwise.
BUSY_INTERVAL, IDLE_INTERVAL = 0.05, 1.0
#: Seconds after which a plugin that holds the loop is reported to the server, which may have to kill the process.
REPORT_SECONDS = 1.0
#: Seconds that a plugin may hold the loop while it is loaded, as imports take long.
LOADING_SECONDS = 3.0
#: Seconds between two log lines about one plugin.
LOG_INTERVAL = 10.0
#: The file name under which the code of a plugin runs; the loader sets it.
_PLUGIN_FILE = re.compile(r"<(tool|function) (.+)>")


class Watchdog:
    """Watch the event loop of the calling thread."""

    def __init__(self, server: ServerLink, *, is_busy: Callable[[], bool]) -> None:
        """`is_busy` returns whether plugins may be at work; it is called in the thread of the watchdog."""
        self._server = server
        self._is_busy = is_busy
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._woken = threading.Event()
        self._last_logs: dict[tuple[str, str], float] = {}

    def start(self) -> None:
        """Watch until the process ends."""
        threading.Thread(target=self._watch, name="plugin watchdog", daemon=True).start()

    def wake(self) -> None:
        """Watch from now on: a plugin begins to work."""
        self._woken.set()

    def _watch(self) -> None:
        while True:
            if self._is_busy():
                time.sleep(BUSY_INTERVAL)
            else:
                self._woken.wait(IDLE_INTERVAL)
            self._woken.clear()
            alive = threading.Event()
            try:
                self._loop.call_soon_threadsafe(alive.set)
            except RuntimeError:
                return  # the loop is closed
            if not alive.wait(HOLD_SECONDS):
                self._follow_hold(alive)

    def _follow_hold(self, alive: threading.Event) -> None:
        """Find out who holds the loop, and say so; wait until it is free again."""
        start = time.monotonic() - HOLD_SECONDS
        holder, is_loading = self._find_holder()
        is_reported = False
        while not alive.wait(HOLD_SECONDS):
            if holder is None:
                holder, is_loading = self._find_holder()
            if holder is not None and not is_reported and time.monotonic() - start > REPORT_SECONDS:
                is_reported = True
                self._report(*holder)
        seconds = time.monotonic() - start
        if holder is not None and (not is_loading or seconds > LOADING_SECONDS):
            self._log(holder, seconds)

    def _find_holder(self) -> tuple[tuple[str, str, int] | None, bool]:
        """Return kind and id of the plugin whose code the loop's thread runs, and the line; None where it runs none.

        The second value says whether the plugin is being loaded.
        """
        frame: FrameType | None = sys._current_frames().get(self._loop_thread)
        holder = None
        while frame is not None:
            code = frame.f_code
            if holder is None and (match := _PLUGIN_FILE.fullmatch(code.co_filename)):
                holder = match[1], match[2], frame.f_lineno
            if code is run_code.__code__:
                return holder, True
            frame = frame.f_back
        return holder, False

    def _report(self, kind: str, plugin_id: str, line: int) -> None:
        text = "%s %s holds the event loop of plugins (line %d): all plugins wait for it"
        log.warning(text, kind, plugin_id, line)
        try:
            self._server.call_blocking("host.report_hold", kind=kind, plugin_id=plugin_id)
        except Exception as error:
            log.debug("reporting %s %s failed: %s", kind, plugin_id, error)

    def _log(self, holder: tuple[str, str, int], seconds: float) -> None:
        kind, plugin_id, line = holder
        now = time.monotonic()
        if now - self._last_logs.get((kind, plugin_id), -LOG_INTERVAL) < LOG_INTERVAL:
            return
        self._last_logs[kind, plugin_id] = now
        text = "%s %s held the event loop of plugins for %.1f s (line %d): others waited for it"
        log.warning(text, kind, plugin_id, seconds, line)
