"""Stop work when the client disconnects.

A handler that waits for a model server says so itself, by `run_while_connected`. Requests that only read are stopped
while they wait for PostgreSQL, so that clients that do not wait for a locked table free its connections.

`BoundedHttpProtocol` calls the attribute `on_disconnect` of the cycle of a request that has a body. For other requests
a second task waits for the message of the protocol, which takes some percent of the time of a chat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from fastback.kit.db.waiting_tasks import waiting_tasks

T = TypeVar("T")


class _Cycle(Protocol):
    """A request and its response, as `BoundedHttpProtocol` prepares them."""

    disconnected: bool
    on_disconnect: Callable[[], object] | None


def _find_cycle(receive: Receive) -> _Cycle | None:
    cycle = getattr(receive, "__self__", None)
    return cycle if hasattr(cycle, "on_disconnect") else None


class DisconnectNotice:
    """Call `on_disconnect` once if the client disconnects before `close`; read the request's body before.

    Attributes:
        has_come: whether the client has disconnected.
    """

    def __init__(self, receive: Receive, on_disconnect: Callable[[], object]) -> None:
        self.has_come = False
        self._on_disconnect = on_disconnect
        self._task: asyncio.Task[None] | None = None
        self._cycle = _find_cycle(receive)
        if self._cycle is None:
            self._task = asyncio.ensure_future(self._wait(receive))
        elif self._cycle.disconnected:
            self._come()
        else:
            self._cycle.on_disconnect = self._come

    def close(self) -> None:
        """Wait no longer."""
        if self._task is not None:
            self._task.cancel()
        elif self._cycle is not None:
            self._cycle.on_disconnect = None

    async def _wait(self, receive: Receive) -> None:
        await wait_for_disconnect(receive)
        self._come()

    def _come(self) -> None:
        if not self.has_come:
            self.has_come = True
            self._on_disconnect()


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def run_while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Return the result of `work`, which is cancelled if the client disconnects; read the request's body before.

    Raises:
        ClientDisconnect: the client has disconnected.
    """
    cycle = _find_cycle(receive)
    if cycle is not None and cycle.disconnected:
        if isinstance(work, Coroutine):
            work.close()
        raise ClientDisconnect
    task = asyncio.current_task()
    assert task is not None
    notice = DisconnectNotice(receive, task.cancel)
    try:
        result = await work
    except asyncio.CancelledError:
        if notice.has_come and not task.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        notice.close()
    if notice.has_come:
        task.uncancel()  # the work has ended in spite of it
        raise ClientDisconnect
    return result


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
