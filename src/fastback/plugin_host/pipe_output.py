"""Read the items that a pipe produces, from iterators in threads and from asynchronous generators, as bytes."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from fastback.plugin_host.output_buffer import OutputBuffer

#: Turns an item into bytes; what is not too long is one element.
Encode = Callable[[Any], Iterable[bytes]]

T = TypeVar("T")


async def run_in_own_thread(function: Callable[[], T]) -> T:
    """Return what a function returns that runs in a thread of its own: one that never ends takes none from others."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(function)
        except BaseException as error:
            _call_soon(loop, _set_failure, future, _to_plain_error(error))
        else:
            _call_soon(loop, _set_result, future, result)

    threading.Thread(target=run, name="pipe", daemon=True).start()
    return await future


async def read_items(items: Any, encode: Encode) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of items as they come, those of a moment together. Closing it closes a generator.

    `items` is an asynchronous iterable, which runs here, or an iterator, which runs in a thread of its own.

    Raises:
        Exception: whatever the iterable raises, after what it had produced.
    """
    buffer = OutputBuffer()
    producer: asyncio.Task[None] | None = None
    if isinstance(items, AsyncIterable):
        producer = asyncio.create_task(_move_items(items, encode, buffer))
    else:
        _start_thread(items, encode, buffer)
    try:
        async for data in buffer.iterate():
            yield data
    finally:
        buffer.close()
        if producer is not None and not producer.done():
            producer.cancel()


async def _move_items(items: AsyncIterable[Any], encode: Encode, buffer: OutputBuffer) -> None:
    """Move items into a buffer; close a generator at the end, also where the task was cancelled."""
    try:
        async for item in items:
            for data in encode(item):
                await buffer.write(data)
        buffer.end()
    except Exception as error:
        buffer.end(error)
    finally:
        if inspect.isasyncgen(items):
            with suppress(Exception):
                await items.aclose()


def _start_thread(items: Iterator[Any], encode: Encode, buffer: OutputBuffer) -> None:
    """Move items into a buffer in a thread; close a generator once the reader is gone."""
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()

    def move_items() -> None:
        failure: Exception | None = None
        try:
            for item in items:
                for data in encode(item):
                    buffer.write_from_thread(data)
                if buffer.is_closed:
                    break
        except BaseException as error:
            failure = _to_plain_error(error)
        finally:
            if (close := getattr(items, "close", None)) is not None:
                with suppress(BaseException):
                    close()
        _call_soon(loop, buffer.end, failure)

    threading.Thread(target=lambda: context.run(move_items), name="pipe", daemon=True).start()


def _to_plain_error(error: BaseException) -> Exception:
    """Return an error that a coroutine can raise, and that does not end the process."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(str(error) or type(error).__name__)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(function, *arguments)


def _set_result(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _set_failure(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
