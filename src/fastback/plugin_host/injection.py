"""Pass plugins the arguments that their signatures name."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

#: Threads for the synchronous methods of all plugins.
_threads = ThreadPoolExecutor(32, thread_name_prefix="plugin")


def select_arguments(method: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the offered arguments that the method's signature names. `**kwargs` gets nothing."""
    names = _get_parameter_names(getattr(method, "__func__", method))
    return {name: value for name, value in offered.items() if name in names}


@lru_cache(1000)
def _get_parameter_names(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names in a signature; reading it takes longer than most hooks."""
    return frozenset(inspect.signature(function).parameters)


async def run_method(method: Callable[..., Any], arguments: Mapping[str, Any], *, in_thread: bool) -> Any:
    """Run a method with keyword arguments and return what it returns.

    A coroutine function is awaited. A synchronous one runs here, or in a thread where `in_thread` says so.
    """
    if inspect.iscoroutinefunction(method):
        return await method(**arguments)
    if not in_thread:
        return method(**arguments)
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(
        _threads, partial(context.run, partial(method, **arguments))
    )
