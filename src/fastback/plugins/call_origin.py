"""Where a call of the plugin process comes from, and so where the process can be asked while the server answers it.

Code on the process's event loop may wait for the server, and everything else there for that code. What the server needs
of the process to answer such a call must not go to that loop.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure


class CallOrigin:
    """A call of the process under way.

    Attributes:
        holds_loop: whether the event loop of the process waits for it; otherwise a thread does.
        is_waiting: whether it is not answered yet.
    """

    def __init__(self, *, holds_loop: bool) -> None:
        self.holds_loop = holds_loop
        self.is_waiting = True


#: The call that the running code answers; tasks that it starts inherit it.
ORIGIN: ContextVar[CallOrigin | None] = ContextVar("plugin_call_origin", default=None)


def find_origin() -> CallOrigin | None:
    """Return the call that the running code answers, as long as the process waits for it."""
    origin = ORIGIN.get()
    return origin if origin is not None and origin.is_waiting else None


class OriginMethods(Mapping[str, Callable[..., Any]]):
    """Methods that note their origin while they run.

    Those that hold the loop end after `limit_seconds`: the process is killed where its loop waits for longer.
    """

    def __init__(
        self, methods: Mapping[str, Callable[..., Any]], *, holds_loop: bool, limit_seconds: float | None = None
    ) -> None:
        self._methods = methods
        self._holds_loop = holds_loop
        self._limit_seconds = limit_seconds

    def __getitem__(self, name: str) -> Callable[..., Any]:
        method = self._methods[name]

        def run(**params: Any) -> Any:
            origin = CallOrigin(holds_loop=self._holds_loop)
            ORIGIN.set(origin)  # in the context of the task that answers the call
            result = method(**params)
            return result if inspect.isasyncgen(result) else self._finish(name, result, origin)

        return run

    async def _finish(self, name: str, work: Coroutine[Any, Any, Any], origin: CallOrigin) -> Any:
        try:
            async with asyncio.timeout(self._limit_seconds) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            text = f"{name} took longer than {self._limit_seconds:g} s, in which all plugins waited for this call"
            raise RemoteFailure("timeout", f"{text}: await it, or make it in a thread") from None
        finally:
            origin.is_waiting = False

    def __iter__(self) -> Iterator[str]:
        return iter(self._methods)

    def __len__(self) -> int:
        return len(self._methods)
