"""The demo model server inside this process, on the running event loop.

For measurements it should run in a process of its own: see `process`.
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
        """Leave signals to the surrounding program."""
        yield


class RunningUpstream:
    """A running server; also a context manager that stops it."""

    def __init__(self, *, url: str, app: DemoServer, server: uvicorn.Server, task: asyncio.Task[None]) -> None:
        self.url = url
        #: The application, which records its requests.
        self.app = app
        self._server = server
        self._task = task

    async def stop(self) -> None:
        """Stop immediately; open streams break."""
        self._server.should_exit = True
        self._server.force_exit = True
        for request_task in list(self._server.server_state.tasks):
            request_task.cancel()
        await self._task

    async def __aenter__(self) -> RunningUpstream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def build_server_config(app: DemoServer, host: str, port: int) -> uvicorn.Config:
    """Return the configuration of uvicorn for the server."""
    # Broken responses are requested by tests, so they are not logged.
    return uvicorn.Config(app, host=host, port=port, lifespan="off", access_log=False, log_level="critical", ws="none")


async def start_upstream(host: str = "127.0.0.1", port: int = 0, *, tokens_per_second: float = 0.0) -> RunningUpstream:
    """Start a server; port 0 means a free port, a rate of 0 means unlimited.

    Raises:
        OSError: the address is not available.
    """
    # With IPPROTO_TCP asyncio sets TCP_NODELAY: small chunks are sent at once; otherwise a response may wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(256)
    app = DemoServer(tokens_per_second)
    server = _Server(build_server_config(app, host, port))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if task.done():
            await task
            raise OSError("the demo model server did not start")
        await asyncio.sleep(0.005)
    return RunningUpstream(url=f"http://{host}:{listener.getsockname()[1]}", app=app, server=server, task=task)
