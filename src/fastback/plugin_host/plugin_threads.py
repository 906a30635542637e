"""Threads for synchronous code that may take as long as it likes: each call has one of its own.

A thread that goes on after its caller has given up is interrupted: an exception is raised in its code. That ends loops
in Python, which would slow down everything else in the process. Code that waits for the system goes on until that
returns.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from fastback.kit.rpc.errors import describe_error

log = logging.getLogger("fastback.plugin_host")

#: Seconds that a thread has to end by itself once nothing waits for it.
GRACE_SECONDS = 2.0

T = TypeVar("T")


class CallAbandoned(BaseException):
    """The caller of synchronous code does not wait for it any longer."""


def start_thread(function: Callable[[], None]) -> threading.Thread:
    """Run a function in a new thread, with the context variables of the caller."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(function), name="plugin", daemon=True)
    thread.start()
    return thread


async def run_in_own_thread(function: Callable[[], T]) -> T:
    """Return what a function returns that runs in a thread of its own; interrupt it if the caller is cancelled.

    Raises:
        Exception: whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:
            call_soon(loop, _set_failure, future, to_plain_error(error))
        else:
            call_soon(loop, _set_result, future, result)

    thread = start_thread(run)
    try:
        return await future
    except asyncio.CancelledError:
        interrupt_soon(thread)
        raise


def interrupt_soon(thread: threading.Thread) -> None:
    """Interrupt a thread if it still runs after a moment."""
    asyncio.get_running_loop().call_later(GRACE_SECONDS, _interrupt, thread)


def _interrupt(thread: threading.Thread) -> None:
    if thread.is_alive() and thread.ident is not None:
        log.warning("a plugin goes on although its caller has given up, it is interrupted")
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(CallAbandoned))


def to_plain_error(error: BaseException) -> Exception:
    """Return an error that a coroutine can raise, and that does not end the process."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(describe_error(error))


def call_soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    """Call a function on the event loop, from any thread; nothing happens where the loop is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


def _set_result(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _set_failure(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
