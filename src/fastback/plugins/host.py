"""The plugin process as the rest of the server sees it: started when it is needed, watched, started again.

A process that ends by itself fails the calls under way with `PluginProcessGone`. The next call starts another, after a
pause that grows with each crash in a row. A process that answers no ping is killed. Plugins that had calls under way at
several crashes in a row are reported to the listeners, which switch them off.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from fastback.kit.rpc.errors import ChannelClosed, RemoteFailure
from fastback.plugins.environment import build_environment
from fastback.plugins.host_process import HostProcess
from fastback.plugins.methods import HostMethods

log = logging.getLogger("fastback.plugins")

#: Crashes in a row after which the plugins that had calls under way are reported.
MAX_CRASHES = 3
#: Seconds before a process is started after a crash; twice as long after each further one, up to the last.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: Seconds of rest after which a crash is the first again.
CALM_SECONDS = 60.0
#: Seconds between two pings of a process that has calls under way.
_PING_SECONDS = 5.0


class PluginProcessGone(Exception):
    """The process ended during a call, or could not be started; the text is for users."""


class PluginKey(msgspec.Struct, frozen=True):
    """A plugin: `kind` is `tool` or `function`."""

    kind: str
    id: str


#: Called with a plugin and the reason, a text for its author.
CrashListener = Callable[[PluginKey, str], Awaitable[None]]


class PluginHost:
    """Call the plugin process. `settings` are passed to each process before its first call."""

    def __init__(self, *, methods: HostMethods, settings: dict[str, Any], hang_seconds: float) -> None:
        """`hang_seconds`: how long the process may answer no ping."""
        self._methods = methods
        methods.add("host.report_hold", self._note_hold)
        self._settings = settings
        self._hang_seconds = hang_seconds
        self._process: HostProcess | None = None
        self._starting: asyncio.Task[HostProcess] | None = None
        self._watching: set[asyncio.Task[None]] = set()
        self._is_closed = False
        #: Calls under way, by the plugins that they run and the method.
        self._running: Counter[tuple[PluginKey, str]] = Counter()
        self._call_count = 0
        self._crash_count = 0
        self._last_crash = 0.0
        #: Crashes in a row during calls of a method of a plugin.
        self._crashes: Counter[tuple[PluginKey, str]] = Counter()
        #: The plugin that holds the event loop of the process, where it has said so.
        self._holder: PluginKey | None = None
        self._crash_listeners: list[CrashListener] = []
        #: Counts processes: what belongs to an earlier one is gone.
        self.generation = 0
        #: Counts calls, so that a caller sees whether there was one meanwhile.
        self.use_count = 0

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def is_idle(self) -> bool:
        """Return whether the process runs, and no call is under way."""
        return self._process is not None and self._call_count == 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def add_crash_listener(self, listener: CrashListener) -> None:
        """Call `listener` with each plugin that had calls under way at several crashes in a row."""
        self._crash_listeners.append(listener)

    def is_suspected(self, plugins: Iterable[PluginKey]) -> bool:
        """Return whether the process has crashed during the last call of one of these plugins."""
        return bool(self._crashes) and not {key for key, _ in self._crashes}.isdisjoint(plugins)

    async def _note_hold(self, kind: str, plugin_id: str) -> None:
        self._holder = PluginKey(kind, plugin_id)

    # -- calling ---------------------------------------------------------------------------------------------------

    async def call(self, method: str, /, *, plugins: Iterable[PluginKey] = (), **params: Any) -> Any:
        """Run a method in the process, and return its result. `plugins` are those whose code it runs.

        Raises:
            RemoteFailure: the method failed. PluginProcessGone: the process ended, or cannot be started.
        """
        keys = list(plugins)
        process = await self._require_process()
        with self._track(keys, method):
            try:
                result = await process.channel.call(method, **params)
            except ChannelClosed:
                process.suspects.update((key, method) for key in keys)
                raise PluginProcessGone(process.end_reason) from None
        self._forget_crashes(keys, method)
        return result

    async def stream(
        self, method: str, /, *, plugins: Iterable[PluginKey] = (), **params: Any
    ) -> AsyncGenerator[Any, None]:
        """Run a method that streams in the process, and yield its items. Closing the stream cancels the method.

        Raises:
            RemoteFailure, PluginProcessGone: as `call`.
        """
        keys = list(plugins)
        process = await self._require_process()
        with self._track(keys, method):
            items = process.channel.stream(method, **params)
            try:
                async for item in items:
                    yield item
            except ChannelClosed:
                process.suspects.update((key, method) for key in keys)
                raise PluginProcessGone(process.end_reason) from None
            finally:
                await items.aclose()
        self._forget_crashes(keys, method)

    def notify(self, method: str, /, **params: Any) -> None:
        """Run a method in the process if there is one, without waiting for it."""
        if self._process is not None:
            self._process.channel.notify(method, **params)

    @contextmanager
    def _track(self, keys: list[PluginKey], method: str) -> Iterator[None]:
        entries = [(key, method) for key in keys]
        self._call_count += 1
        self.use_count += 1
        self._running.update(entries)
        try:
            yield
        finally:
            self._call_count -= 1
            self._running.subtract(entries)

    def _forget_crashes(self, keys: list[PluginKey], method: str) -> None:
        if self._crashes:
            for key in keys:
                self._crashes.pop((key, method), None)

    # -- the process -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the process if it does not run.

        Raises:
            PluginProcessGone: it cannot be started.
        """
        await self._require_process()

    async def _require_process(self) -> HostProcess:
        process = self._process
        if process is not None and not process.channel.closed.is_set():
            return process
        if process is not None:
            await process.has_ended.wait()  # its crash is counted first
        if self._is_closed:
            raise PluginProcessGone("The server is stopping.")
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())
        try:
            return await asyncio.shield(self._starting)
        except (OSError, RemoteFailure, ChannelClosed) as error:
            log.error("starting the plugin process failed: %s", error)
            raise PluginProcessGone(f"The plugin process could not be started: {error}") from None

    async def _start(self) -> HostProcess:
        try:
            await self._pause_after_crash()
            process = await HostProcess.start(
                self._methods.table, build_environment(), label=str(self._settings.get("data_dir", ""))
            )
            try:
                await process.channel.call("host.configure", settings=self._settings)
            except BaseException:
                process.kill()
                await process.wait()
                raise
            self._process, self._holder = process, None
            self.generation += 1
            log.info("plugin process %d started", process.pid)
            for work in (self._wait_for_end(process), self._ping(process)):
                task = asyncio.get_running_loop().create_task(work)
                self._watching.add(task)
                task.add_done_callback(self._watching.discard)
            return process
        finally:
            self._starting = None

    async def _pause_after_crash(self) -> None:
        loop = asyncio.get_running_loop()
        calm = loop.time() - self._last_crash
        if self._crash_count and calm > CALM_SECONDS:
            self._crash_count = 0
        if self._crash_count:
            pause = min(FIRST_PAUSE * 2 ** (self._crash_count - 1), LONGEST_PAUSE)
            await asyncio.sleep(max(pause - calm, 0))

    async def _wait_for_end(self, process: HostProcess) -> None:
        code = await process.wait()
        if self._process is not process:  # it was retired, or the server stops
            process.has_ended.set()
            return
        self._process = None
        process.has_ended.set()
        if self._is_closed:
            return
        self._crash_count += 1
        self._last_crash = asyncio.get_running_loop().time()
        running = {entry for entry, count in self._running.items() if count > 0}
        suspects = sorted(running | process.suspects, key=str)
        names = ", ".join(sorted({f"{key.kind} {key.id}" for key, _ in suspects})) or "none"
        log.error("the plugin process ended (%s); plugins with calls under way: %s", _describe_exit(code), names)
        if self._holder is not None and process.is_killed:
            suspects = [(key, method) for key, method in suspects if key == self._holder]
        self._crashes.update(suspects)
        for key, method in [entry for entry in suspects if self._crashes[entry] >= MAX_CRASHES]:
            del self._crashes[key, method]
            for listener in self._crash_listeners:
                with suppress(Exception):
                    await listener(key, process.end_reason)

    async def _ping(self, process: HostProcess) -> None:
        """Kill the process once it answers nothing: a plugin holds its event loop."""
        while self._process is process:
            await asyncio.sleep(min(_PING_SECONDS, self._hang_seconds))
            if self._call_count == 0:
                continue
            try:
                await asyncio.wait_for(process.channel.call("host.ping"), self._hang_seconds)
            except TimeoutError:
                holder = f" {self._holder.kind} {self._holder.id} holds it." if self._holder else ""
                process.end_reason = f"The plugin process did not respond for {self._hang_seconds:g} s.{holder}"
                process.is_killed = True
                log.error("%s It is killed.", process.end_reason)
                process.kill()
                return
            except (ChannelClosed, RemoteFailure):
                return

    async def retire(self) -> None:
        """End the process, if it runs; the next call starts another."""
        process, self._process = self._process, None
        if process is not None:
            log.info("plugin process %d ends", process.pid)
            await process.end()

    async def close(self) -> None:
        """End the process; no other is started."""
        self._is_closed = True
        process, self._process = self._process, None
        if self._starting is not None:
            with suppress(Exception):
                process = await self._starting
                self._process = None
        for task in list(self._watching):
            task.cancel()
        if process is not None:
            await process.end()


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
