"""One plugin process with its two connections."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from fastback.kit.rpc.channel import Channel

log = logging.getLogger("fastback.plugins")


class HostProcess:
    """A running process.

    `channel` carries calls in both directions. A second connection answers calls of plugins that block; the process
    uses it while its own event loop may stand still, so answers on it must not need the process.
    """

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel, blocking_channel: Channel) -> None:
        self.process = process
        self.channel = channel
        self._blocking_channel = blocking_channel
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
        cls, methods: Mapping[str, Callable[..., Any]], environment: Mapping[str, str], *, label: str = ""
    ) -> HostProcess:
        """Start a process whose calls `methods` answer; lists of processes show the label.

        Raises:
            OSError: the system starts no process.
        """
        own, other = socket.socketpair()
        own_blocking, other_blocking = socket.socketpair()
        try:
            descriptors = (other.fileno(), other_blocking.fileno())
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fastback.plugin_host",
                *map(str, descriptors),
                *([label] if label else []),
                stdin=asyncio.subprocess.DEVNULL,
                env=dict(environment),
                pass_fds=descriptors,
                start_new_session=True,
            )
        except BaseException:
            own.close()
            own_blocking.close()
            raise
        finally:
            other.close()
            other_blocking.close()
        channel = await Channel.open(own, methods, name="plugins")
        blocking_channel = await Channel.open(own_blocking, methods, name="plugins (blocking)")
        return cls(process, channel, blocking_channel)

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """Kill the process and every process that plugins have started in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until the process has ended; close the connections. Return its exit code."""
        code = await self.process.wait()
        self.channel.close()
        self._blocking_channel.close()
        self.kill()  # what it has started may still run
        return code

    async def end(self) -> None:
        """Close the connections, on which the process ends by itself; kill it if it does not."""
        self.channel.close()
        self._blocking_channel.close()
        try:
            await asyncio.wait_for(self.process.wait(), 1)
        except TimeoutError:
            log.warning("the plugin process does not end, it is killed")
        self.kill()
        await self.process.wait()
