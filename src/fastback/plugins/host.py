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

from fastback.kit.rpc.errors import ChannelClosed, RemoteFailure
from fastback.plugins.call_origin import find_origin
from fastback.plugins.crash_records import CrashRecords
from fastback.plugins.crash_records import PluginKey as PluginKey
from fastback.plugins.environment import build_environment
from fastback.plugins.host_process import HostProcess
from fastback.plugins.methods import HostMethods

log = logging.getLogger("fastback.plugins")

#: The part of the time without a ping that one call may take which the event loop of the process waits for.
_HOLD_SHARE = 0.8
#: Seconds between two pings of a process that has calls under way.
_PING_SECONDS = 5.0


class PluginProcessGone(Exception):
    """The process ended during a call, or could not be started; the text is for users."""


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
        self._crashes = CrashRecords()
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
        return self._crashes.is_suspected(plugins)

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
                channel = await process.choose_channel()
                result = await channel.call(method, **params)
            except ChannelClosed:
                process.suspects.update((key, method) for key in keys)
                raise PluginProcessGone(process.end_reason) from None
        self._crashes.forget(keys, method)
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
            try:
                channel = await process.choose_channel()
            except ChannelClosed:
                raise PluginProcessGone(process.end_reason) from None
            items = channel.stream(method, **params)
            try:
                async for item in items:
                    yield item
            except ChannelClosed:
                process.suspects.update((key, method) for key in keys)
                raise PluginProcessGone(process.end_reason) from None
            finally:
                await items.aclose()
        self._crashes.forget(keys, method)

    async def call_before(self, method: str, /, **params: Any) -> None:
        """Run a method in the process before every later call; it is waited for only where these may overtake it.

        Raises:
            RemoteFailure, PluginProcessGone: as `call`.
        """
        if find_origin() is None:
            self.notify(method, **params)  # calls are handled in their order
        else:
            await self.call(method, **params)

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
            await asyncio.sleep(self._crashes.get_pause(asyncio.get_running_loop().time()))
            process = await HostProcess.start(
                self._methods.table,
                build_environment(),
                hold_seconds=self._hang_seconds * _HOLD_SHARE,
                label=str(self._settings.get("data_dir", "")),
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

    async def _wait_for_end(self, process: HostProcess) -> None:
        code = await process.wait()
        if self._process is not process:  # it was retired, or the server stops
            process.has_ended.set()
            return
        self._process = None
        process.has_ended.set()
        if self._is_closed:
            return
        running = {entry for entry, count in self._running.items() if count > 0}
        suspects = sorted(running | process.suspects, key=str)
        names = ", ".join(sorted({f"{key.kind} {key.id}" for key, _ in suspects})) or "none"
        log.error("the plugin process ended (%s); plugins with calls under way: %s", _describe_exit(code), names)
        if self._holder is not None and process.is_killed:
            suspects = [(key, method) for key, method in suspects if key == self._holder]
        for key, _ in self._crashes.add(suspects, asyncio.get_running_loop().time()):
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
