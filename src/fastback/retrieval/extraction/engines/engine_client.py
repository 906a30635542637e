"""Talking to an engine: files are sent as they are read, answers are held to a size, errors are put in words."""

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
from fastback.providers.request_context import RequestContext
from fastback.retrieval.extraction.extraction_pool import Local
from fastback.retrieval.extraction.formats.reader import Source
from fastback.retrieval.interfaces import RetrievalError
from fastback.settings import Settings

#: Seconds that one call may take: engines read scanned books page by page.
SECONDS = 3600.0
#: Bytes of an answer that are read.
MOST = 128 * 1024 * 1024
#: Seconds between questions whether something is done.
PAUSE = 2.0
#: Bytes of a file that are turned into base64 at once: whole groups of three.
_GROUPS = 3 * 64 * 1024

T = TypeVar("T")


class CallFailed(Exception):
    """An engine that cannot be reached, or says no.

    Attributes:
        status: of its answer; 0 where there is none.
        reason: the words beside the status, or why there is none.
        body: what it says, as text.
        late: whether it took too long.
    """

    def __init__(self, reason: str, *, status: int = 0, body: str = "", late: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.body = body
        self.late = late

    def said(self) -> str:
        """Reason and words in one."""
        return f"{self.reason} - {self.body}" if self.body else self.reason


class Answer(NamedTuple):
    """What an engine answered."""

    content: bytes
    headers: Mapping[str, str]

    def read(self, kind: type[T]) -> T:
        """The JSON in it; what `kind` does not name is not looked at.

        Raises:
            CallFailed: it is something else.
        """
        try:
            return msgspec.json.decode(self.content, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise CallFailed(f"its answer makes no sense: {error}") from None


class Call:
    """One file that an engine is asked to read."""

    def __init__(
        self,
        source: Source,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        permissions: Permissions,
        local: Local,
        ctx: RequestContext | None = None,
    ) -> None:
        self.source = source
        self.config = config
        self.settings = settings
        self.client = client
        self.permissions = permissions
        self.local = local
        self.ctx = ctx
        self._files: list[BinaryIO] = []

    @property
    def name(self) -> str:
        """What the engine is told the file is called: as it lies in the store, unless that says nothing of its kind."""
        stored = Path(self.source.path).name
        return stored if stored.lower().endswith(f".{self.source.extension}") else self.source.filename

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        skip: Iterable[str] = (),
        verify: bool = True,
    ) -> Answer:
        """One call; what it answers, whole. `skip` names headers that must not be made up.

        Raises:
            CallFailed: it cannot be reached, answers with an error, or too much.
        """
        sent = dict(headers or {})
        if json is not None:
            data = msgspec.json.encode(json)
            sent["Content-Type"] = "application/json"
        try:
            async with self.client.request(
                method,
                url,
                headers=sent,
                data=data,
                params=params,
                timeout=aiohttp.ClientTimeout(total=seconds),
                skip_auto_headers=skip,
                ssl=verify,  # true: as for every other call
            ) as response:
                pieces = bytearray()
                async for piece in response.content.iter_chunked(1 << 16):
                    pieces += piece
                    if len(pieces) > MOST:
                        raise CallFailed("its answer is too large")
                if response.status >= 400:
                    words = bytes(pieces[:2000]).decode("utf-8", "replace").strip()
                    reason = response.reason or str(response.status)
                    raise CallFailed(reason, status=response.status, body=words)
                return Answer(bytes(pieces), response.headers)
        except TimeoutError:
            raise CallFailed("it took too long", late=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(str(error) or type(error).__name__) from error

    def file(self) -> Any:
        """The file, to be sent as a body, piece by piece; closed with the call."""
        self._files.append(open(self.source.path, "rb"))  # noqa: SIM115
        return self._files[-1]

    def close(self) -> None:
        for one in self._files:
            one.close()

    def form(self, field: str, content_type: str, **values: Any) -> aiohttp.FormData:
        """A form with the file and fields: a list's items one by one, nothing of null."""
        form = aiohttp.FormData()
        for name, value in values.items():
            items = value if isinstance(value, (list, tuple, dict)) else (value,)
            for one in items:
                if one is not None:
                    form.add_field(name, str(one))
        form.add_field(field, self.file(), filename=self.name, content_type=content_type)
        return form

    async def send_base64(self, method: str, url: str, before: str, after: str, **more: Any) -> Answer:
        """A call whose body is JSON with the file in it, between two pieces of text. Raises: as `ask`."""
        size = (self.source.size + 2) // 3 * 4 + len(before.encode()) + len(after.encode())

        async def body() -> AsyncIterator[bytes]:
            yield before.encode()
            file = self.file()
            while piece := await asyncio.to_thread(file.read, _GROUPS):
                yield base64.b64encode(piece)
            yield after.encode()

        headers = {"Content-Type": "application/json", "Content-Length": str(size), **more.pop("headers", {})}
        return await self.ask(method, url, headers=headers, data=body(), **more)

    async def again(self, seconds: float | None) -> AsyncIterator[None]:
        """Turns of asking whether something is done: the first at once, the others after a pause, until time is up."""
        ends = time.monotonic() + seconds if seconds else None
        while ends is None or time.monotonic() < ends:
            yield
            await asyncio.sleep(PAUSE)


def refused(engine: str, error: CallFailed) -> RetrievalError:
    """What the owner of a file is told."""
    return RetrievalError(f"{engine}: {error.said()}")
