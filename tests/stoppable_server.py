"""A uvicorn server that stops without delay."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import uvicorn


class StoppableServer(uvicorn.Server):
    """A uvicorn server that stops at once after `stop()`; requests in progress have a tenth of a second to finish.

    uvicorn itself checks for the end only every tenth of a second.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self.force_exit = True
        self._stop.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + 0.1
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
