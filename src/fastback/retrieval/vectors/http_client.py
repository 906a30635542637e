"""Requests to vector servers over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.retrieval.interfaces import RetrievalError

log = logging.getLogger("fastback.vectors")


class RequestRefused(RetrievalError):
    """The server answered with an error status."""


class VectorServer:
    """A server that speaks JSON; `name` is its name in messages."""

    def __init__(
        self, *, name: str, url: str, client: aiohttp.ClientSession, headers: Mapping[str, str], seconds: float
    ) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self._client = client
        self._headers = {"content-type": "application/json", **headers}
        self._timeout = aiohttp.ClientTimeout(total=seconds or None)

    async def send_request(self, method: str, path: str, body: Any = None, *, is_required: bool = False) -> Any:
        """Return the JSON of the response, or None for a 404 unless `is_required`.

        Raises:
            RequestRefused: the server answered with an error status.
            RetrievalError: the server is unreachable, or sent invalid JSON.
        """
        content = None if body is None else msgspec.json.encode(body)
        try:
            async with self._client.request(
                method, self._url + path, data=content, headers=self._headers, timeout=self._timeout
            ) as response:
                content_received = await response.read()
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.error("connecting to %s at %s failed: %s", self._name, self._url, error or type(error).__name__)
            raise RetrievalError(f"The vector store ({self._name}) cannot be reached.") from error
        if status == 404 and not is_required:
            return None
        if status >= 400:
            reason = content_received[:500].decode("utf-8", "replace")
            log.error("%s answered %d to %s %s: %s", self._name, status, method, path, reason)
            raise RequestRefused(f"The vector store ({self._name}) answered {status}; the server's log says more.")
        try:
            return decode_json(content_received) if content_received else {}
        except ValueError as error:
            raise RetrievalError(f"The vector store ({self._name}) sent something strange.") from error
