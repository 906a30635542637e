"""Requests to a database over HTTP, with JSON in both directions."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.retrieval.interfaces import RetrievalError

#: The largest response that is read, in bytes.
_MAX_BYTES = 64 * 1024 * 1024


async def post_json(
    client: aiohttp.ClientSession, url: str, body: dict[str, Any], headers: dict[str, str], timeout: float
) -> dict[str, Any]:
    """Post a JSON object and return the one in the response.

    Raises:
        RetrievalError: the server is unreachable, refuses, or answers with something else.
    """
    if not url.startswith(("http://", "https://")):
        raise RetrievalError("The endpoint of the external database must be an http address.")
    try:
        async with client.post(
            url,
            data=msgspec.json.encode(body),
            headers={"content-type": "application/json", **headers},
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as response:
            content = await response.content.read(_MAX_BYTES)
            status = response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise RetrievalError(f"The external database cannot be reached: {error or type(error).__name__}") from error
    try:
        decoded = decode_json(content)
    except msgspec.DecodeError:
        decoded = None
    if status >= 400 or not isinstance(decoded, dict):
        excerpt = content[:300].decode("utf-8", "replace").strip()
        raise RetrievalError(f"The external database answered {status}: {excerpt}")
    return decoded
