"""Stop work when the client disconnects.

A handler that waits for a model server says so itself, by `run_while_connected`. Requests that only read are stopped
while they wait for PostgreSQL, so that clients that do not wait for a locked table free its connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from fastback.kit.db.waiting_tasks import waiting_tasks
from fastback.kit.http.streaming_response import wait_for_disconnect

T = TypeVar("T")


async def run_while_connected(request: Request, work: Awaitable[T]) -> T:
    """Return the result of `work`, which is cancelled if the client disconnects; read the request's body before.

    Raises:
        ClientDisconnect: the client has disconnected.
    """
    work_task = asyncio.ensure_future(work)
    disconnect_task = asyncio.ensure_future(wait_for_disconnect(request.receive))
    try:
        await asyncio.wait([work_task, disconnect_task], return_when=asyncio.FIRST_COMPLETED)
        if not work_task.done():
            raise ClientDisconnect
        return work_task.result()
    finally:
        disconnect_task.cancel()
        if not work_task.done():
            work_task.cancel()


class DisconnectWatch:
    """Cancel the tasks of requests whose clients have disconnected, while they wait for PostgreSQL.

    It looks at requests once a second, so a fast one costs an entry in a dictionary.
    """

    _PERIOD_SECONDS = 1.0

    def __init__(self) -> None:
        self._requests: dict[asyncio.Task[Any], Request] = {}
        self._watchers: dict[asyncio.Task[Any], asyncio.Task[None]] = {}
        self._cancelled: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, task: asyncio.Task[Any], request: Request) -> None:
        """Watch the request of a task, until `remove`."""
        self._requests[task] = request
        if self._timer is None:
            self._schedule(frozenset())

    def remove(self, task: asyncio.Task[Any]) -> bool:
        """End the watch, and return whether it has cancelled the task."""
        self._requests.pop(task, None)
        watcher = self._watchers.pop(task, None)
        if watcher is None:
            return False
        watcher.cancel()
        if task in self._cancelled:
            self._cancelled.discard(task)
            return True
        return False

    def _schedule(self, running: frozenset[asyncio.Task[Any]]) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._PERIOD_SECONDS, self._start_watchers, running)

    def _start_watchers(self, slow: frozenset[asyncio.Task[Any]]) -> None:
        """Wait for the disconnection of the requests that ran at the last call already."""
        self._timer = None
        for task in (slow & self._requests.keys()) - self._watchers.keys():
            self._watchers[task] = asyncio.create_task(self._watch(task, self._requests[task]))
        if self._requests:
            self._schedule(frozenset(self._requests))

    async def _watch(self, task: asyncio.Task[Any], request: Request) -> None:
        if "content-length" in request.headers or "transfer-encoding" in request.headers:
            return  # the handler may still read its body
        await wait_for_disconnect(request.receive)
        while task not in waiting_tasks:  # noqa: ASYNC110 (an event would cost every statement)
            await asyncio.sleep(self._PERIOD_SECONDS)
        self._cancelled.add(task)
        task.cancel()
