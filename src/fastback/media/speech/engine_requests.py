"""Requests to speech engines: limits of size and time, streamed bodies, and failures with the engine's own words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from fastback.access.identity import User
from fastback.kit.json_decoding import decode_json
from fastback.media.engine_client import EngineError
from fastback.providers.http_client import CONNECT_TIMEOUT
from fastback.providers.openai import make_user_headers
from fastback.providers.response_body import MAX_ERROR_BYTES, MAX_JSON_BYTES, read_beginning, read_json_response
from fastback.settings import Settings

#: Seconds that an engine may take for one request, unless `AIOHTTP_CLIENT_TIMEOUT` is set.
ENGINE_SECONDS = 600.0
#: Bytes of a file that are encoded as base64 at once: a multiple of three, so that the parts can be joined.
_BASE64_CHUNK = 3 * 64 * 1024


class EngineFailure(EngineError):
    """A request to a speech engine failed.

    Attributes:
        status: HTTP status of the response; 0 if there was none.
        body: the beginning of the response to a request that was refused.
    """

    def __init__(self, reason: str, *, status: int = 0, body: bytes = b"") -> None:
        super().__init__(reason)
        self.status = status
        self.body = body

    def read_json(self) -> dict[str, Any] | None:
        """Return the JSON object in the body; None without one."""
        try:
            content = decode_json(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return content if isinstance(content, dict) else None


class EngineClient:
    """Sends requests to speech engines."""

    def __init__(self, client: aiohttp.ClientSession, settings: Settings) -> None:
        self.client = client
        self._settings = settings

    def build_user_headers(self, user: User | None) -> dict[str, str]:
        """Return the headers that name the user to the engine; none unless the settings ask for them."""
        if user is None or not self._settings.enable_forward_user_info_headers:
            return {}
        return make_user_headers(user, self._settings)

    @asynccontextmanager
    async def open_response(self, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a POST request and yield the successful response, whose body has not been read.

        Raises:
            EngineFailure: the engine cannot be reached, refuses the request, or breaks off while its body is read.
        """
        total = self._settings.aiohttp_client_timeout or ENGINE_SECONDS
        timeout = aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_TIMEOUT)
        try:
            async with self.client.post(url, timeout=timeout, **options) as response:
                if response.status >= 400:
                    body = await read_beginning(response, MAX_ERROR_BYTES)
                    reason = f"{response.status}, message={response.reason!r}"
                    raise EngineFailure(reason, status=response.status, body=body)
                yield response
        except TimeoutError as error:
            raise EngineFailure(f"the engine took longer than {total:g} seconds") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that aiohttp rejects
            raise EngineFailure(str(error) or type(error).__name__) from error

    async def fetch_json(self, url: str, *, max_bytes: int = MAX_JSON_BYTES, **options: Any) -> Any:
        """Send a POST request and return the decoded response.

        Raises:
            EngineFailure: as `open_response`; with the response's status where it is not JSON.
        """
        async with self.open_response(url, **options) as response:
            try:
                return await read_json_response(response, max_bytes)
            except msgspec.DecodeError:
                raise EngineFailure("the answer is not JSON", status=response.status) from None


@asynccontextmanager
async def open_form(
    path: Path, field: str, filename: str, values: Mapping[str, str], content_type: str | None = None
) -> AsyncIterator[aiohttp.FormData]:
    """Yield a form with the values and a file, which is read while it is sent."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        form = aiohttp.FormData()
        for name, value in values.items():
            form.add_field(name, value)
        form.add_field(field, file, filename=filename, content_type=content_type)
        yield form
    finally:
        await asyncio.to_thread(file.close)


#: A text that no value contains, in whose place a file's content is sent.
_PLACEHOLDER = "\x1ffile\x1f"


async def build_base64_body(path: Path, build: Any) -> tuple[AsyncIterator[bytes], dict[str, str]]:
    """Return a JSON body that contains a file in base64, and its headers; `build(text)` returns the content.

    The file is encoded while it is sent.
    """
    before, after = msgspec.json.encode(build(_PLACEHOLDER)).split(msgspec.json.encode(_PLACEHOLDER)[1:-1])
    size = (await asyncio.to_thread(path.stat)).st_size

    async def stream_body() -> AsyncIterator[bytes]:
        yield before
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(file.read, _BASE64_CHUNK):
                yield base64.b64encode(chunk)
        finally:
            await asyncio.to_thread(file.close)
        yield after

    length = len(before) + (size + 2) // 3 * 4 + len(after)
    return stream_body(), {"Content-Type": "application/json", "Content-Length": str(length)}
