"""Calls of the server that the process answers beside its event loop: while that loop waits for the server.

Code of a plugin that calls the server without `await` holds the loop of all plugins. Where the server needs plugins to
answer, as for a completion by a pipe, their code runs on an event loop of its own, in a thread for each call.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure

#: What begins the names of methods that run no code of plugins: these run where they arrive, in their order.
_IMMEDIATE = ("host.", "turns.")
#: Calls that are answered at a time.
MAX_CALLS = 64
#: Seconds that tasks have which plugins leave behind, and seconds between two looks.
LINGER_SECONDS, _LOOK_SECONDS = 60.0, 0.25
#: Items of a stream that wait for the connection.
_MAX_WAITING_ITEMS = 16


class NestedCalls(Mapping[str, Callable[..., Any]]):
    """The methods of the process as the side connection has them."""

    def __init__(self, methods: Mapping[str, Callable[..., Any]]) -> None:
        self._methods = methods
        self._count = 0

    def __getitem__(self, name: str) -> Callable[..., Any]:
        method = self._methods[name]
        if name.startswith(_IMMEDIATE):
            return method
        return partial(self._stream if inspect.isasyncgenfunction(method) else self._call, method)

    def __iter__(self) -> Iterator[str]:
        return iter(self._methods)

    def __len__(self) -> int:
        return len(self._methods)

    async def _call(self, method: Callable[..., Any], /, **params: Any) -> Any:
        loop = self._start_loop()
        try:
            return await loop.run(method(**params))
        finally:
            loop.end()
            self._count -= 1

    async def _stream(self, method: Callable[..., Any], /, **params: Any) -> AsyncGenerator[Any, None]:
        loop = self._start_loop()
        items: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(_MAX_WAITING_ITEMS)
        here = asyncio.get_running_loop()

        async def put(kind: str, value: Any) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(items.put((kind, value)), here))

        async def produce() -> None:
            try:
                async with aclosing(method(**params)) as produced:
                    async for item in produced:
                        await put("item", item)
            except Exception as error:
                await put("failure", error)
            else:
                await put("end", None)

        producing = asyncio.ensure_future(loop.run(produce()))
        try:
            while True:
                kind, value = await items.get()
                if kind == "failure":
                    raise value
                if kind == "end":
                    return
                yield value
        finally:
            producing.cancel()
            loop.end()
            self._count -= 1

    def _start_loop(self) -> _ThreadLoop:
        if self._count >= MAX_CALLS:
            raise RemoteFailure("too_many", "Too many calls of plugins wait for each other.")
        self._count += 1
        return _ThreadLoop()


class _ThreadLoop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._deadline = 0.0
        threading.Thread(target=self._run, name="nested plugin call", daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine there; cancel it where the caller is cancelled."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def end(self) -> None:
        """End the thread once nothing runs there any more."""
        self._loop.call_soon_threadsafe(self._begin_end)

    def _begin_end(self) -> None:
        self._deadline = self._loop.time() + LINGER_SECONDS
        self._end_when_idle()

    def _end_when_idle(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        if not tasks:
            self._loop.stop()
            return
        if self._loop.time() > self._deadline:
            for task in tasks:
                task.cancel()
        self._loop.call_later(_LOOK_SECONDS, self._end_when_idle)
