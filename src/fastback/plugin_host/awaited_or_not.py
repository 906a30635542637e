"""Functions that plugins call with or without `await`.

Their bodies are coroutines. Where the caller awaits, the coroutine runs as any other. Where it does not, the body runs
at once and its calls of the server block: so it works without an event loop, on the loop's own thread and in others.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from fastback.plugin_host.await_detection import is_result_awaited
from fastback.plugin_host.server_link import SERVER

_is_blocking: contextvars.ContextVar[bool] = contextvars.ContextVar("is_blocking", default=False)


class AwaitableValue:
    """A value that may also be awaited: the result of a call without `await` that the plugin awaits later."""

    __hash__ = object.__hash__  # `asyncio.gather` puts what it waits for into a dictionary

    def __await__(self) -> Generator[Any, None, Any]:
        return self
        yield


class AwaitableList(AwaitableValue, list[Any]):  # type: ignore[misc]
    """A list that may be awaited."""


class AwaitableDict(AwaitableValue, dict[Any, Any]):  # type: ignore[misc]
    """A dictionary that may be awaited."""


class AwaitableText(AwaitableValue, str):
    """A text that may be awaited."""

    __hash__ = str.__hash__


_AWAITABLE_TYPES: dict[type, Callable[[Any], Any]] = {list: AwaitableList, dict: AwaitableDict, str: AwaitableText}


def awaited_or_not(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Make a coroutine function one that may be called without `await`; then it returns its result at once."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        coroutine = function(*args, **kwargs)
        if is_result_awaited():
            return coroutine
        return make_awaitable(run_blocking(coroutine))

    # Code that asks `iscoroutinefunction` awaits what it calls.
    return mark_coroutine_function(call)


def mark_coroutine_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have `iscoroutinefunction` say that a function returns what has to be awaited."""
    if hasattr(inspect, "markcoroutinefunction"):
        marked: Callable[..., Any] = inspect.markcoroutinefunction(function)
        return marked
    function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    return function


def make_awaitable(value: Any) -> Any:
    """Return an equal value that may be awaited; a number, a truth value and None stay what they are."""
    build = _AWAITABLE_TYPES.get(type(value))
    return build(value) if build is not None else value


def run_blocking(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine whose only pauses are calls of the server, which block now."""
    token = _is_blocking.set(True)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    finally:
        _is_blocking.reset(token)
    coroutine.close()
    raise RuntimeError("this function can only be awaited")


async def call_server(method: str, /, **params: Any) -> Any:
    """Have the server run a method and return its result: in functions that plugins call with or without `await`.

    Raises:
        RemoteFailure: the method failed. ChannelClosed: the server is gone.
    """
    if _is_blocking.get():
        return SERVER.call_blocking(method, **params)
    return await SERVER.call(method, **params)
