"""Requests to providers, with limits of time and size. Redirects are not followed: they would carry credentials."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from fastback.features.oauth.errors import ProviderError
from fastback.kit.json_pieces import decode_body
from fastback.providers.response_body import BodyTooLarge, read_response

#: Bytes of a response.
MAX_RESPONSE_BYTES = 1024 * 1024
_HEADERS = {"accept": "application/json"}
_CONNECTION_ERRORS = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


class ProviderResponse(msgspec.Struct):
    """The response of a provider; `content` is its JSON, or None where it is not JSON."""

    status: int
    content: Any

    def require_object(self, subject: str) -> dict[str, Any]:
        """Return the JSON object of a successful response.

        Raises:
            ProviderError: the response has another status, or no JSON object.
        """
        if self.status != 200:
            raise ProviderError(f"{subject}: status {self.status}")
        if not isinstance(self.content, dict):
            raise ProviderError(f"{subject}: not a JSON object")
        return self.content


class ProviderRequests:
    """Sends requests to providers with the server's client, and reads JSON."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def get(self, url: str, *, timeout: float, token: str = "") -> ProviderResponse:
        """Return the response to a GET request, with an access token if `token` is given.

        Raises:
            ProviderError: there is no response, or it is too large.
        """
        headers = {**_HEADERS, "authorization": f"Bearer {token}"} if token else _HEADERS
        return await self._request("GET", url, timeout=timeout, headers=headers)

    async def post(
        self, url: str, body: str, *, timeout: float, headers: dict[str, str] | None = None
    ) -> ProviderResponse:
        """Return the response to a POST request with a form, which is encoded already.

        Raises:
            ProviderError: there is no response, or it is too large.
        """
        form_headers = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
        return await self._request(
            "POST", url, timeout=timeout, headers={**_HEADERS, **form_headers, **(headers or {})}, data=body.encode()
        )

    async def _request(
        self, method: str, url: str, *, timeout: float, headers: dict[str, str], data: bytes | None = None
    ) -> ProviderResponse:
        try:
            async with self._client.request(
                method,
                url,
                headers=headers,
                data=data,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                body = await read_response(response, MAX_RESPONSE_BYTES)
        except BodyTooLarge:
            raise ProviderError(f"its response has more than {MAX_RESPONSE_BYTES} bytes") from None
        except TimeoutError:
            raise ProviderError(f"no response within {timeout:g} s") from None
        except _CONNECTION_ERRORS as error:
            raise ProviderError(f"no response: {type(error).__name__}") from None
        try:
            return ProviderResponse(response.status, await decode_body(body))
        except ValueError:
            return ProviderResponse(response.status, None)
