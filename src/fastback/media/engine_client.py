"""Asking engines (of speech, of pictures) what they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec


class EngineError(Exception):
    """An engine cannot be reached, refuses, or answers what is no JSON; the text says why."""


async def engine_json(
    client: aiohttp.ClientSession,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    timeout: float | None = None,
) -> Any:
    """The JSON that an engine answers; `timeout` in seconds.

    Raises:
        EngineError: there is none.
    """
    try:
        async with client.request(
            method, url, headers=headers, json=json, timeout=aiohttp.ClientTimeout(total=timeout)
        ) as response:
            body = await response.read()
            if response.status >= 400:
                raise EngineError(f"{url}: HTTP {response.status}")
            return msgspec.json.decode(body)
    except TimeoutError as error:
        raise EngineError(f"{url}: it did not answer in time") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EngineError(f"{url}: it answered something that is no JSON") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that aiohttp does not take
        raise EngineError(f"{url}: {error or type(error).__name__}") from error
