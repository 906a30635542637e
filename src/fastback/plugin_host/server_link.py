"""The way from plugins to the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from fastback.kit.rpc.blocking_client import BlockingClient
from fastback.kit.rpc.channel import Channel
from fastback.kit.rpc.errors import ChannelClosed


class ServerLink:
    """Call the server: from the event loop, from other loops and threads, awaited or not."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._blocking: BlockingClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.get_ident()

    def connect(self, channel: Channel, blocking: BlockingClient) -> None:
        """Use these connections; called once, on the event loop's thread."""
        self._channel, self._blocking = channel, blocking
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def is_connected(self) -> bool:
        """Whether there is a server: code that is only inspected has none."""
        return self._channel is not None

    @property
    def is_on_own_thread(self) -> bool:
        """Whether this is the thread of the host's event loop."""
        return threading.get_ident() == self._thread

    async def call(self, method: str, /, **params: Any) -> Any:
        """Have the server run a method, and return its result; works on any event loop.

        Raises:
            RemoteFailure: the method failed. ChannelClosed: the server is gone.
        """
        channel = self._require_channel()
        if self.is_on_own_thread:
            return await channel.call(method, **params)
        return await asyncio.wrap_future(self.submit(channel.call(method, **params)))

    def call_blocking(self, method: str, /, **params: Any) -> Any:
        """Have the server run a method, and block until its result is there.

        Raises:
            RemoteFailure: the method failed. ChannelClosed: the server is gone.
        """
        if self._blocking is None:
            raise ChannelClosed("plugins cannot reach the server while they are inspected")
        return self._blocking.call(method, **params)

    def stream(self, method: str, /, **params: Any) -> AsyncGenerator[Any, None]:
        """Have the server run a method that streams, and yield its items; on the host's event loop only."""
        return self._require_channel().stream(method, **params)

    def submit(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the host's event loop, from any thread; return a `concurrent.futures.Future`."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _require_channel(self) -> Channel:
        if self._channel is None:
            raise ChannelClosed("plugins cannot reach the server while they are inspected")
        return self._channel


#: The only link of the process; modules that plugins import use it.
SERVER = ServerLink()
