"""Bodies of model servers' responses, read up to a limit.

Limits count bytes after decompression, so a compressed body of any ratio ends at them.
"""

from __future__ import annotations

import aiohttp

#: What reading a body raises when the connection breaks or stalls.
CONNECTION_ERRORS = (TimeoutError, aiohttp.ClientError, OSError)

#: Bytes of a whole completion: several images in its text fit.
MAX_COMPLETION_BYTES = 32 * 1024 * 1024
#: Bytes of an error that are read; what exceeds them is cut.
MAX_ERROR_BYTES = 64 * 1024


class BodyTooLarge(Exception):
    """A body is larger than its limit."""


async def read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return a whole body.

    Raises:
        BodyTooLarge: it has more than `max_bytes`; the rest is not read.
        aiohttp.ClientError, TimeoutError, OSError: the connection breaks.
    """
    body = bytearray()
    async for data in response.content.iter_any():
        body += data
        if len(body) > max_bytes:
            response.close()
            raise BodyTooLarge(f"more than {max_bytes} bytes")
    return bytes(body)


async def read_beginning(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return a body, cut after `max_bytes`.

    Raises:
        aiohttp.ClientError, TimeoutError, OSError: the connection breaks.
    """
    body = bytearray()
    async for data in response.content.iter_any():
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
