"""The way from plugins to the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from fastback.kit.rpc.blocking_client import BlockingClient
from fastback.kit.rpc.channel import Channel
from fastback.kit.rpc.errors import ChannelClosed
from fastback.plugin_host.side_loop import SideLoop


class ServerLink:
    """Call the server: from the event loop, from other loops and threads, awaited or not.

    What does not run on the loop of the process reaches the server without it: the loop may wait for that code.
    """

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._blocking: BlockingClient | None = None
        self._side: SideLoop | None = None
        self._thread = threading.get_ident()

    def connect(self, channel: Channel, blocking: BlockingClient, side: SideLoop) -> None:
        """Use these connections; called once, on the event loop's thread, whose own `blocking` is."""
        self._channel, self._blocking, self._side = channel, blocking, side
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
        channel = self._find_channel()
        if channel is not None:
            return await channel.call(method, **params)
        side = self._require_side()
        return await asyncio.wrap_future(side.submit(side.channel.call(method, **params)))

    def call_blocking(self, method: str, /, **params: Any) -> Any:
        """Have the server run a method, and block until its result is there.

        Raises:
            RemoteFailure: the method failed. On the event loop's thread, of the kind `timeout` where it takes so long
                that the process would be ended.
            ChannelClosed: the server is gone.
        """
        side = self._require_side()
        if not self.is_on_own_thread:
            return side.submit(side.channel.call(method, **params)).result()
        assert self._blocking is not None
        return self._blocking.call(method, **params)

    async def stream(self, method: str, /, **params: Any) -> AsyncGenerator[Any, None]:
        """Have the server run a method that streams, and yield its items; works on any event loop.

        Raises:
            RemoteFailure: the method failed. ChannelClosed: the server is gone.
        """
        channel = self._find_channel()
        side = self._require_side()
        items = (channel or side.channel).stream(method, **params)
        try:
            if channel is not None:
                async for item in items:
                    yield item
                return
            while (item := await asyncio.wrap_future(side.submit(_read_next(items)))) is not None:
                yield item
        finally:
            if channel is not None:
                await items.aclose()
            else:
                side.submit(items.aclose())

    def run_beside(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine beside the event loop of the process, from a thread, and return its result."""
        return self._require_side().submit(work).result()

    def _find_channel(self) -> Channel | None:
        """Return the connection on the event loop that runs here, or None."""
        if self.is_on_own_thread:
            self._require_side()
            return self._channel
        side = self._require_side()
        return side.channel if side.is_here else None

    def _require_side(self) -> SideLoop:
        if self._side is None:
            raise ChannelClosed("plugins cannot reach the server while they are inspected")
        return self._side


async def _read_next(items: AsyncGenerator[Any, None]) -> Any:
    """Return the next item; None after the last."""
    return await anext(items, None)


#: The only link of the process; modules that plugins import use it.
SERVER = ServerLink()
