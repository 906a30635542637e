"""One plugin process with its connections."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from fastback.kit.processes.child_process import DEVNULL, RunningProcess, start_process
from fastback.kit.rpc.channel import Channel
from fastback.plugins.call_origin import OriginMethods, find_origin

log = logging.getLogger("fastback.plugins")

#: Seconds that the event loop of the process has for a sign of life, where code beside it needs the process.
_CHECK_SECONDS = 0.5


class HostProcess:
    """A running process.

    `channel` carries calls in both directions. A second connection answers the calls that the process's event loop
    waits for. A third one answers those of threads, and carries what answering any of these calls needs of the process
    while the loop waits.
    """

    def __init__(self, process: RunningProcess, channels: Sequence[Channel]) -> None:
        self.process = process
        self._channels = channels
        self.channel, _, self._side_channel = channels
        #: Why the process has ended, for users.
        self.end_reason = "The plugin process ended unexpectedly."
        #: Set once its end has been dealt with.
        self.has_ended = asyncio.Event()
        #: What ran when the connection broke: plugins with the method that was called.
        self.suspects: set[tuple[Any, str]] = set()
        #: Whether it was killed because it did not respond.
        self.is_killed = False

    @classmethod
    async def start(
        cls,
        methods: Mapping[str, Callable[..., Any]],
        environment: Mapping[str, str],
        *,
        hold_seconds: float,
        label: str = "",
    ) -> HostProcess:
        """Start a process whose calls `methods` answer; lists of processes show the label.

        `hold_seconds`: how long a call may take that the process's event loop waits for.

        Raises:
            OSError: the system starts no process.
        """
        pairs = [socket.socketpair() for _ in range(3)]
        try:
            descriptors = [other.fileno() for _, other in pairs]
            process = await start_process(
                sys.executable,
                "-m",
                "fastback.plugin_host",
                *map(str, descriptors),
                *([label] if label else []),
                stdin=DEVNULL,
                env=dict(environment),
                pass_fds=descriptors,
                start_new_session=True,
            )
        except BaseException:
            for own, _ in pairs:
                own.close()
            raise
        finally:
            for _, other in pairs:
                other.close()
        blocking_methods = OriginMethods(methods, holds_loop=True, limit_seconds=hold_seconds)
        tables = (methods, blocking_methods, OriginMethods(methods, holds_loop=False))
        names = ("plugins", "plugins (blocking)", "plugins (side)")
        channels = [
            await Channel.open(own, table, name=name)
            for (own, _), table, name in zip(pairs, tables, names, strict=True)
        ]
        return cls(process, channels)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def choose_channel(self) -> Channel:
        """Return the connection for a call: beside the event loop of the process where that waits for this code."""
        origin = find_origin()
        if origin is None:
            return self.channel
        if origin.holds_loop or not await self._is_loop_running():
            return self._side_channel
        return self.channel

    async def _is_loop_running(self) -> bool:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self.channel.call("host.check")
        except TimeoutError:
            return False
        return True

    def kill(self) -> None:
        """Kill the process and every process that plugins have started in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until the process has ended; close the connections. Return its exit code."""
        code = await self.process.wait()
        self._close_channels()
        self.kill()  # what it has started may still run
        return code

    async def end(self) -> None:
        """Close the connections, on which the process ends by itself; kill it if it does not."""
        self._close_channels()
        try:
            await asyncio.wait_for(self.process.wait(), 1)
        except TimeoutError:
            log.warning("the plugin process does not end, it is killed")
        self.kill()
        await self.process.wait()

    def _close_channels(self) -> None:
        for channel in self._channels:
            channel.close()
