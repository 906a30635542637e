"""Fetch JSON from image and speech engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from fastback.providers.response_body import read_json_response

#: Bytes of a response: several large images.
MAX_RESPONSE_BYTES = 64 * 1024 * 1024


class EngineError(Exception):
    """The engine cannot be reached, returned an error, or did not return JSON; the message says which."""


async def fetch_json(
    client: aiohttp.ClientSession,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    timeout: float | None = None,
) -> Any:
    """Send a request to an engine and return its decoded response; `timeout` in seconds.

    Raises:
        EngineError: the request failed.
    """
    try:
        async with client.request(
            method, url, headers=headers, json=json, timeout=aiohttp.ClientTimeout(total=timeout)
        ) as response:
            if response.status >= 400:
                raise EngineError(f"{url}: HTTP {response.status}")
            return await read_json_response(response, MAX_RESPONSE_BYTES)
    except TimeoutError as error:
        raise EngineError(f"{url}: it did not answer in time") from error
    except msgspec.DecodeError as error:
        raise EngineError(f"{url}: it answered something that is no JSON") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that aiohttp rejects
        raise EngineError(f"{url}: {error or type(error).__name__}") from error
