"""Calls of operations of tool servers over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from fastback.completions.tools.offered_tool import ToolError
from fastback.completions.tools.servers.operation_requests import build_operation_request
from fastback.completions.tools.servers.server_results import decode_content
from fastback.features.tools.openapi.operations import Operation
from fastback.providers.response_body import CONNECTION_ERRORS, BodyTooLarge, read_beginning, read_response
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

Json = dict[str, Any]

#: Size of a response, and of the text of an error; seconds that connecting may take.
MAX_BYTES, MAX_ERROR_BYTES, CONNECT_TIMEOUT = 16 * 1024**2, 16 * 1024, 10


class ServerResponse(msgspec.Struct, frozen=True):
    """What a server has returned: its content (see `decode_content`), and its headers."""

    content: Any
    headers: Mapping[str, str]


class ServerCaller:
    """Call operations of tool servers."""

    def __init__(self, client: aiohttp.ClientSession, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    async def call(
        self,
        base_url: str,
        operation: Operation,
        arguments: Json,
        headers: dict[str, str],
        *,
        for_model: bool = False,
    ) -> ServerResponse:
        """Call an operation and return its response; `for_model` cuts a text to what models read of it.

        Raises:
            ToolError: the arguments do not fit, the server cannot be reached or returned an error or too much.
        """
        request = build_operation_request(base_url, operation, arguments, headers)
        seconds = self._settings.aiohttp_client_timeout_tool_server
        try:
            async with self._client.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=self._settings.aiohttp_client_allow_redirects,
                ssl=build_client_ssl(self._settings, tool_server=True),
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_TIMEOUT),
            ) as response:
                if response.status >= 400:
                    text = (await read_beginning(response, MAX_ERROR_BYTES)).decode("utf-8", "replace")
                    raise ToolError(f"HTTP error {response.status}: {text}")
                body = await read_response(response, MAX_BYTES)
                charset, headers_of_response = response.charset, response.headers
        except BodyTooLarge:
            raise ToolError(f"The response of the tool server is larger than {MAX_BYTES // 1024**2} MB.") from None
        except TimeoutError as error:
            raise ToolError(str(error) or f"The tool server did not respond within {seconds:g} seconds.") from None
        except (*CONNECTION_ERRORS, ValueError) as error:
            raise ToolError(str(error) or type(error).__name__) from None
        media_type = headers_of_response.get("content-type", "").partition(";")[0].strip().lower()
        is_embed = "inline" in headers_of_response.get("content-disposition", "")
        content = await decode_content(body, media_type, charset, for_model=for_model and not is_embed)
        return ServerResponse(content, headers_of_response)
