"""The HTTP client below sessions with MCP servers: limits of answers, headers of single calls, and what went wrong."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from fastback.plugin_host.mcp_elicitation import PageQuestion

#: Bytes that the answers to one call may have, over all its requests.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
#: Seconds without a byte after which a stream is given up that no limit of a call ends earlier.
_READ_SECONDS = 300.0

_SESSION_HEADER = "mcp-session-id"


class Exchange:
    """What one call sends along, and what happened on the way: the SDK tells neither statuses nor network errors.

    Attributes:
        headers: of this call alone, beside those of the session.
        status: of the latest response; 0 before it.
        had_session: whether the latest request named a session that the server had opened.
        problem: why a request failed; empty where none did.
        was_sent: whether the server may have received the request that failed.
        is_over: whether the caller has stopped waiting: what still comes is not read.
        question: shows what the server asks the user; None where nothing can.
        has_asked: whether the server has asked the user.
    """

    def __init__(
        self, headers: dict[str, str] | None = None, *, is_limited: bool = True, question: PageQuestion | None = None
    ) -> None:
        """`is_limited`: whether the size of the answers is; not that of a stream of events."""
        self.headers = headers or {}
        self.question = question
        self.has_asked = False
        self.is_over = False
        self._is_limited = is_limited
        self.status = 0
        self.had_session = False
        self.problem = ""
        self.was_sent = False
        self.byte_count = 0

    def count(self, size: int) -> None:
        """Count received bytes.

        Raises:
            httpx2.StreamError: there are too many, or the caller has stopped waiting.
        """
        self.byte_count += size
        if self.is_over:
            raise httpx2.StreamError("the call is over")
        if self._is_limited and self.byte_count > MAX_ANSWER_BYTES:
            self.problem = f"its answer has more than {MAX_ANSWER_BYTES // (1024 * 1024)} MB"
            raise httpx2.StreamError(self.problem)


#: The call that a request belongs to; tasks of the SDK inherit it from the caller.
EXCHANGE: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class McpHttpClient(httpx2.AsyncClient):
    """A client for one session. A request that fails becomes a response with status 503.

    An exception would end the session with all calls that are under way in it.
    """

    def __init__(self, *, headers: dict[str, str], verify: bool | str, connect_seconds: float) -> None:
        """`verify`: whether certificates are checked, or the path of a file with CA certificates."""
        super().__init__(
            headers={"accept-encoding": "identity", **headers},
            verify=_load_context(verify),
            timeout=httpx2.Timeout(_READ_SECONDS, connect=connect_seconds or None),
        )

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request."""
        exchange = EXCHANGE.get() or Exchange()
        request.headers.update(exchange.headers)
        exchange.had_session = _SESSION_HEADER in request.headers
        try:
            response = await super().send(request, **options)
        except (httpx2.TransportError, httpx2.InvalidURL, OSError, ValueError) as error:
            exchange.problem = _describe(error)
            exchange.was_sent = not isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout))
            return httpx2.Response(503, request=request)
        exchange.status = response.status_code
        if request.method == "POST":
            _limit_body(response, exchange)
        return response


def _limit_body(response: httpx2.Response, exchange: Exchange) -> None:
    """Count the bytes of a body while it is read, in place; a compressed one is refused: none was accepted."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() not in ("identity", ""):
        exchange.problem = f"its answer is compressed ({encoding[:20]}), which was not accepted"
        response.headers["content-type"] = "application/x-compressed"
    stream = response.stream
    if isinstance(stream, httpx2.AsyncByteStream):
        response.stream = _CountedStream(stream, exchange)


class _CountedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                self._exchange.count(len(chunk))
                yield chunk
        except httpx2.TransportError as error:
            self._exchange.problem = _describe(error)
            self._exchange.was_sent = True
            raise httpx2.StreamError(self._exchange.problem) from error

    async def aclose(self) -> None:
        await self._stream.aclose()


def _describe(error: Exception) -> str:
    if isinstance(error, httpx2.ConnectTimeout):
        return "connecting to it took too long"
    if isinstance(error, httpx2.ReadTimeout):
        return f"it sent nothing for {_READ_SECONDS:g} s"
    return str(error) or type(error).__name__


@lru_cache(maxsize=4)
def _load_context(verify: bool | str) -> ssl.SSLContext | bool:
    """Return the context for certificates, which takes 20 ms to load; sessions share it."""
    if verify is False:
        return False
    return ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
