"""Requests to external engines: uploads are streamed, responses limited in size, errors become `EngineError`."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import aiohttp
import msgspec

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.json_decoding import decode_json
from fastback.providers.request_context import RequestContext
from fastback.retrieval.extraction.extraction_pool import ExtractionPool
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.interfaces import RetrievalError
from fastback.settings import Settings

#: Seconds that one request may take: engines read scanned books page by page.
REQUEST_TIMEOUT = 3600.0
#: The largest response that is read, in bytes.
MAX_RESPONSE_BYTES = 128 * 1024 * 1024
#: Seconds between two requests for the state of a job.
POLL_INTERVAL = 2.0
#: Bytes of a file that are encoded as base64 at once: a multiple of three, so that the parts can be joined.
_BASE64_CHUNK = 3 * 64 * 1024

T = TypeVar("T")


class EngineError(Exception):
    """An engine cannot be reached, responds with an error, or responds with something unexpected.

    Attributes:
        status: HTTP status of the response; 0 where there was none.
        reason: the reason phrase of the response, or why there was none.
        body: the body of the response, as text.
        timed_out: whether the request timed out.
    """

    def __init__(self, reason: str, *, status: int = 0, body: str = "", timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.body = body
        self.timed_out = timed_out

    def describe(self) -> str:
        """Return the reason, and the body of the response where there is one."""
        return f"{self.reason} - {self.body}" if self.body else self.reason


class EngineResponse(NamedTuple):
    """The response of an engine."""

    content: bytes
    headers: Mapping[str, str]

    def decode(self, kind: type[T]) -> T:
        """Decode the body as JSON into `kind`; fields that `kind` does not have are ignored.

        Raises:
            EngineError: it is invalid JSON, or does not fit `kind`.
        """
        try:
            value: T = decode_json(self.content, msgspec.json.Decoder(kind).decode)
            return value
        except msgspec.DecodeError as error:
            raise EngineError(f"its answer makes no sense: {error}") from None


class EngineCall:
    """The requests that have one file read by an engine, with the services they need."""

    def __init__(
        self,
        source: SourceFile,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        permissions: Permissions,
        pool: ExtractionPool,
        ctx: RequestContext | None = None,
    ) -> None:
        self.source = source
        self.config = config
        self.settings = settings
        self.client = client
        self.permissions = permissions
        self.pool = pool
        self.ctx = ctx
        self._open_files: list[BinaryIO] = []

    @property
    def filename(self) -> str:
        """Return the file's name for the engine.

        It is the name in the store, or the original one where the stored name does not end with the extension.
        """
        stored_name = Path(self.source.path).name
        return stored_name if stored_name.lower().endswith(f".{self.source.extension}") else self.source.filename

    async def send_request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        timeout: float = REQUEST_TIMEOUT,
        skip: Iterable[str] = (),
        verify: bool = True,
    ) -> EngineResponse:
        """Send a request and return the whole response. `skip` names headers that aiohttp must not add by itself.

        Raises:
            EngineError: the server cannot be reached, responds with an error, or with more than `MAX_RESPONSE_BYTES`.
        """
        request_headers = dict(headers or {})
        if json is not None:
            data = msgspec.json.encode(json)
            request_headers["Content-Type"] = "application/json"
        try:
            async with self.client.request(
                method,
                url,
                headers=request_headers,
                data=data,
                params=params,
                timeout=aiohttp.ClientTimeout(total=timeout),
                skip_auto_headers=skip,
                ssl=verify,  # True: as for every other request of the client
            ) as response:
                content = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    content += chunk
                    if len(content) > MAX_RESPONSE_BYTES:
                        raise EngineError("its answer is too large")
                if response.status >= 400:
                    text = bytes(content[:2000]).decode("utf-8", "replace").strip()
                    reason = response.reason or str(response.status)
                    raise EngineError(reason, status=response.status, body=text)
                return EngineResponse(bytes(content), response.headers)
        except TimeoutError:
            raise EngineError("it took too long", timed_out=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise EngineError(str(error) or type(error).__name__) from error

    def open_file(self) -> Any:
        """Open the file, to be sent as a request body; `close` closes it."""
        self._open_files.append(open(self.source.path, "rb"))  # noqa: SIM115
        return self._open_files[-1]

    def close(self) -> None:
        """Close the files that were opened for requests."""
        for file in self._open_files:
            file.close()

    def build_form(self, field: str, content_type: str, **values: Any) -> aiohttp.FormData:
        """Return a form with the file and the fields. Each item of a list is a field of its own; None is left out."""
        form = aiohttp.FormData()
        for name, value in values.items():
            items = value if isinstance(value, (list, tuple, dict)) else (value,)
            for item in items:
                if item is not None:
                    form.add_field(name, str(item))
        form.add_field(field, self.open_file(), filename=self.filename, content_type=content_type)
        return form

    async def send_file_as_base64(
        self, method: str, url: str, before: str, after: str, **options: Any
    ) -> EngineResponse:
        """Send a JSON body that consists of `before`, the file in base64, and `after`. Raises: as `send_request`."""
        size = (self.source.size + 2) // 3 * 4 + len(before.encode()) + len(after.encode())

        async def stream_body() -> AsyncIterator[bytes]:
            yield before.encode()
            file = self.open_file()
            while chunk := await asyncio.to_thread(file.read, _BASE64_CHUNK):
                yield base64.b64encode(chunk)
            yield after.encode()

        headers = {"Content-Type": "application/json", "Content-Length": str(size), **options.pop("headers", {})}
        return await self.send_request(method, url, headers=headers, data=stream_body(), **options)

    async def poll(self, timeout: float | None) -> AsyncIterator[None]:
        """Yield at once, then after each pause, until `timeout` seconds are over; forever where it is None or 0."""
        deadline = time.monotonic() + timeout if timeout else None
        while deadline is None or time.monotonic() < deadline:
            yield
            await asyncio.sleep(POLL_INTERVAL)


def describe_failure(engine: str, error: EngineError) -> RetrievalError:
    """Return the error that the owner of the file sees."""
    return RetrievalError(f"{engine}: {error.describe()}")
