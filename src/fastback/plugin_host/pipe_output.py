"""Read the items that a pipe produces, from iterators in threads and from asynchronous generators, as bytes."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from fastback.plugin_host.output_buffer import OutputBuffer
from fastback.plugin_host.plugin_threads import call_soon, interrupt_soon, start_thread, to_plain_error

#: Turns an item into bytes; what is not too long is one element.
Encode = Callable[[Any], Iterable[bytes]]


async def read_items(items: Any, encode: Encode) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of items as they come, those of a moment together. Closing it closes a generator.

    `items` is an asynchronous iterable, which runs here, or an iterator, which runs in a thread of its own.

    Raises:
        Exception: whatever the iterable raises, after what it had produced.
    """
    buffer = OutputBuffer()
    task: asyncio.Task[None] | None = None
    thread: threading.Thread | None = None
    if isinstance(items, AsyncIterable):
        task = asyncio.create_task(_move_items(items, encode, buffer))
    else:
        thread = _start_moving(items, encode, buffer)
    try:
        async for data in buffer.iterate():
            yield data
    finally:
        buffer.close()
        if task is not None and not task.done():
            task.cancel()
        if thread is not None and not buffer.has_ended:
            interrupt_soon(thread)


async def _move_items(items: AsyncIterable[Any], encode: Encode, buffer: OutputBuffer) -> None:
    """Move items into a buffer; close a generator at the end, also where the task was cancelled."""
    try:
        async for item in items:
            for data in encode(item):
                await buffer.write(data)
        buffer.end()
    except (Exception, SystemExit) as error:
        buffer.end(to_plain_error(error))
    finally:
        if inspect.isasyncgen(items):
            with suppress(Exception):
                await items.aclose()


def _start_moving(items: Iterator[Any], encode: Encode, buffer: OutputBuffer) -> threading.Thread:
    """Move items into a buffer in a thread; close a generator once the reader is gone."""
    loop = asyncio.get_running_loop()

    def move_items() -> None:
        failure: Exception | None = None
        try:
            for item in items:
                for data in encode(item):
                    buffer.write_from_thread(data)
                if buffer.is_closed:
                    break
        except BaseException as error:
            failure = to_plain_error(error)
        finally:
            if (close := getattr(items, "close", None)) is not None:
                with suppress(BaseException):
                    close()
        call_soon(loop, buffer.end, failure)

    return start_thread(move_items)
