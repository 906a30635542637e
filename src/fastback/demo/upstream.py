"""Running the demo model server inside this process, on the running event loop.

A measurement wants it beside itself instead, in a process of its own: see `process`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from fastback.demo.server import DemoServer


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the program around it."""
        yield


class RunningUpstream:
    """A running server; also a context manager that stops it."""

    def __init__(self, *, url: str, app: DemoServer, server: uvicorn.Server, task: asyncio.Task[None]) -> None:
        self.url = url
        #: The application, for what it was asked.
        self.app = app
        self._server = server
        self._task = task

    async def stop(self) -> None:
        """Stop at once; open streams break off."""
        self._server.should_exit = True
        self._server.force_exit = True
        for answering in list(self._server.server_state.tasks):
            answering.cancel()
        await self._task

    async def __aenter__(self) -> RunningUpstream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def configured(app: DemoServer, host: str, port: int) -> uvicorn.Config:
    """How the server runs, in whichever process."""
    # Answers break off because they were asked to: no matter for a log.
    return uvicorn.Config(app, host=host, port=port, lifespan="off", access_log=False, log_level="critical", ws="none")


async def start_upstream(host: str = "127.0.0.1", port: int = 0, *, tokens_per_second: float = 0.0) -> RunningUpstream:
    """Start a server; port 0 is a free one, a rate of 0 as fast as it goes.

    Raises:
        OSError: the address cannot be had.
    """
    # Named as TCP, so that asyncio sends small pieces at once (TCP_NODELAY); otherwise each answer may wait 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.listen(256)
    app = DemoServer(tokens_per_second)
    server = _Server(configured(app, host, port))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        if task.done():
            await task
            raise OSError("the demo model server did not start")
        await asyncio.sleep(0.005)
    return RunningUpstream(url=f"http://{host}:{listening.getsockname()[1]}", app=app, server=server, task=task)
