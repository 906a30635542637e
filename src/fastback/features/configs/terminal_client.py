"""A client of terminal servers, for an administrator who connects one."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp

from fastback.kit.http import BadRequest, Forbidden, HttpError
from fastback.kit.json_decoding import decode_json
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

log = logging.getLogger("fastback.configs")


def require_tool_servers_enabled(settings: Settings) -> None:
    """Require tool and terminal servers to be enabled.

    Raises:
        Forbidden: the settings disable them.
    """
    if not settings.enable_tool_servers:
        raise Forbidden("Tool servers are disabled")


class TerminalServerClient:
    """Sends requests to one terminal server.

    Raises:
        Forbidden: terminal servers are disabled.
        BadRequest: the URL is empty.
    """

    def __init__(
        self, *, client: aiohttp.ClientSession, settings: Settings, url: str, key: str | None, auth_type: str | None
    ) -> None:
        require_tool_servers_enabled(settings)
        self._url = (url or "").rstrip("/")
        if not self._url:
            raise BadRequest("Terminal server URL is required")
        self._client = client
        self._settings = settings
        token = (key or "").strip() if auth_type == "bearer" else ""
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def is_available(self, path: str) -> bool:
        """Return whether the server answers a GET request with success."""
        try:
            async with self._request("GET", path, None) as response:
                return bool(response.ok)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    async def request_json(self, method: str, path: str, body: dict[str, Any] | None, *, failure: str) -> Any:
        """Return the decoded JSON of the server's response.

        Raises:
            HttpError: the server refused, with its status and text.
            BadRequest: the server cannot be reached or understood, with the text `failure`.
        """
        try:
            async with self._request(method, path, body) as response:
                content = await response.read()
                if not response.ok:
                    raise HttpError(response.status, content.decode("utf-8", "replace"))
                return decode_json(content)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.info("%s: %s", failure, error)
            raise BadRequest(failure) from None

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        return self._client.request(
            method,
            f"{self._url}/{path}",
            json=body,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=self._settings.aiohttp_client_timeout),
            ssl=build_client_ssl(self._settings),
        )
