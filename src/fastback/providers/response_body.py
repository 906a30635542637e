"""Bodies of model servers' responses, read up to a limit.

Limits count bytes after decompression, so a compressed body of any ratio ends at them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, cast

import aiohttp
import msgspec

from fastback.kit.fragment_lists import join_fragments
from fastback.kit.json_cuts import TooManyValues
from fastback.kit.json_pieces import decode_body
from fastback.kit.pacing import let_others_run
from fastback.providers.body_watch import find_watch
from fastback.providers.lenient_json import decode_mended

#: What reading a body raises when the connection breaks or stalls.
CONNECTION_ERRORS = (TimeoutError, aiohttp.ClientError, OSError)

#: Bytes of a whole completion, of embeddings, of a sound: several images in an answer's text fit.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
#: Bytes of a list of models, and of any other response.
MAX_JSON_BYTES = 8 * 1024 * 1024
#: Bytes of a body that stay in memory, and are decoded at once: that takes less than 10 ms, whatever they are.
MAX_INLINE_BYTES = 64 * 1024
#: Bytes of an error that are read; what exceeds them is cut.
MAX_ERROR_BYTES = 64 * 1024
#: Bytes that are read before other work has its turn: a compressed body never waits for the network.
MAX_STEP_BYTES = 64 * 1024


class BodyTooLarge(aiohttp.ClientError):
    """A body is larger than its limit: one more way in which a server cannot be talked with."""


class Body(msgspec.Struct):
    """A whole body: in memory, or in a file where it is large."""

    content: bytes
    path: Path | None = None


def iterate_body(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Return the bytes of a body as they arrive, `MAX_STEP_BYTES` at once at most.

    Raises (the iterator):
        aiohttp.ClientError, TimeoutError, OSError: the connection breaks.
    """
    steps = _iterate_steps(response)
    watch = find_watch(response)
    return steps if watch is None else watch.follow(steps)


async def _iterate_steps(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    step_bytes = 0
    async for data in response.content.iter_any():
        for start in range(0, len(data), MAX_STEP_BYTES):
            part = data if len(data) <= MAX_STEP_BYTES else data[start : start + MAX_STEP_BYTES]
            yield part
            step_bytes += len(part)
            if step_bytes >= MAX_STEP_BYTES:
                step_bytes = 0
                await let_others_run()


@asynccontextmanager
async def receive_body(response: aiohttp.ClientResponse, max_bytes: int) -> AsyncIterator[Body]:
    """Receive a whole body; the file of a large one is there while the context is open.

    Raises:
        BodyTooLarge: it has more than `max_bytes`; the rest is not read.
        aiohttp.ClientError, TimeoutError, OSError: the connection breaks.
    """
    try:
        async with collect_body(iterate_body(response), max_bytes) as body:
            yield body
    except BodyTooLarge:
        response.close()
        raise


@asynccontextmanager
async def collect_body(pieces: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[Body]:
    """Collect the pieces of a body; the file of a large one is there while the context is open.

    Raises:
        BodyTooLarge: it has more than `max_bytes`; the rest is not read. Exception: what the pieces raise.
    """
    body = bytearray()
    size = 0
    file: IO[bytes] | None = None
    try:
        async for data in pieces:
            size += len(data)
            if size > max_bytes:
                body.clear()
                raise BodyTooLarge(f"its response has more than {max_bytes} bytes")
            body += data
            if size <= MAX_INLINE_BYTES or len(body) < MAX_INLINE_BYTES:
                continue
            if file is None:  # closed below, in a thread
                file = cast(IO[bytes], tempfile.NamedTemporaryFile(prefix="fastback-body-"))  # noqa: SIM115
            await asyncio.to_thread(file.write, bytes(body))
            body.clear()
        if file is None:
            yield Body(bytes(body))
            return
        file.write(body)
        await asyncio.to_thread(file.flush)
        yield Body(b"", Path(file.name))
    finally:
        if file is not None:
            await asyncio.to_thread(file.close)  # the system takes milliseconds to remove megabytes


async def read_response(response: aiohttp.ClientResponse, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Return a whole body.

    Raises:
        BodyTooLarge: it has more than `max_bytes`; the rest is not read.
        aiohttp.ClientError, TimeoutError, OSError: the connection breaks.
    """
    parts: list[bytes] = []
    size = 0
    async for data in iterate_body(response):
        parts.append(data)
        size += len(data)
        if size > max_bytes:
            response.close()
            parts.clear()
            raise BodyTooLarge(f"its response has more than {max_bytes} bytes")
    return await join_fragments(parts)


async def read_json_response(response: aiohttp.ClientResponse, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Return a whole body, decoded in pieces where it is large, and leniently where it has to be.

    Raises:
        msgspec.DecodeError: it is not JSON even so, or has too many values.
        BodyTooLarge, aiohttp.ClientError, TimeoutError, OSError: as `read_response`.
    """
    content = await read_response(response, max_bytes)
    try:
        return await decode_body(content)
    except TooManyValues:
        raise msgspec.DecodeError("too many values") from None
    except ValueError as error:
        try:
            return decode_mended(content)
        except ValueError:
            raise msgspec.DecodeError(str(error)) from None


async def read_beginning(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return a body, cut after `max_bytes`.

    Raises:
        aiohttp.ClientError, TimeoutError, OSError: the connection breaks.
    """
    body = bytearray()
    async for data in iterate_body(response):
        body += data
        if len(body) >= max_bytes:
            response.close()
            break
    return bytes(body[:max_bytes])


def take_unread(response: aiohttp.ClientResponse) -> bytes:
    """Return the bytes that had arrived when the connection broke: aiohttp raises before it hands them out."""
    try:
        return response.content._read_nowait(-1)  # its public method raises, too
    except (AttributeError, TimeoutError, RuntimeError):
        return b""
