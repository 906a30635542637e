"""A second connection to the server, on an event loop of its own in a thread.

Code in threads and on other event loops reaches the server through it, also while the loop of the process waits for
that code. What the server needs of the process to answer a call that the loop waits for comes here, too.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any

from fastback.kit.rpc.channel import Channel

#: Seconds that opening the connection may take.
_START_SECONDS = 10.0


class SideLoop:
    """The thread, its event loop and the connection; no code of plugins runs on the loop."""

    def __init__(self, sock: socket.socket, methods: Mapping[str, Callable[..., Any]]) -> None:
        """`methods` are those that the server may call."""
        self._socket = sock
        self._methods = methods
        self._loop = asyncio.new_event_loop()
        self._channel: Channel | None = None
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plugin side loop", daemon=True)

    def start(self) -> None:
        """Open the connection.

        Raises:
            TimeoutError: it does not open.
        """
        self._thread.start()
        if not self._is_open.wait(_START_SECONDS):
            raise TimeoutError("the side connection does not open")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._channel = self._loop.run_until_complete(Channel.open(self._socket, self._methods, name="server (side)"))
        self._is_open.set()
        self._loop.run_forever()

    @property
    def is_here(self) -> bool:
        """Whether the code that asks runs on this loop."""
        return threading.get_ident() == self._thread.ident

    @property
    def channel(self) -> Channel:
        assert self._channel is not None
        return self._channel

    def submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the loop, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)
