"""The response of a model server under way, in OpenAI's form whatever protocol the server speaks; and its refusals."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.kit.http.errors import HttpError
from fastback.providers.completion import Completion, create_converter
from fastback.providers.large_completions import CompletionParser
from fastback.providers.lenient_json import decode_mended
from fastback.providers.response_body import (
    CONNECTION_ERRORS,
    MAX_ANSWER_BYTES,
    BodyTooLarge,
    iterate_body,
    receive_body,
    take_unread,
)
from fastback.providers.sse import EventParser

log = logging.getLogger("fastback.providers")


class ProviderRefusal(Exception):
    """The server refused a request: its status, its body, and the headers that say when to retry."""

    def __init__(self, *, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers

    def content(self) -> Any:
        """Return the body decoded from JSON, or as text where it is not JSON."""
        try:
            return decode_mended(self.body)
        except ValueError:
            return self.body.decode("utf-8", "replace")

    def detail(self) -> str:
        """Return the text to show: the innermost message of the error, or up to 2,000 characters of plain text."""
        content = self.content()
        text = content.strip()[:2000] if isinstance(content, str) else find_error_text(content)
        return text or f"Provider returned HTTP {self.status}"


def find_error_text(error: Any) -> str:
    """Return the innermost text of an error object: `error`, `detail` or `message`, at any depth.

    Google wraps its errors in a list.
    """
    while isinstance(error, dict) or (isinstance(error, list) and len(error) == 1):
        if isinstance(error, list):
            error = error[0]
            continue
        for key in ("error", "detail", "message"):
            if error.get(key):
                error = error[key]
                break
        else:
            return msgspec.json.encode(error).decode() if error else ""
    if isinstance(error, list):
        return msgspec.json.encode(error).decode()
    return str(error) if error is not None else ""


class CompletionResponse(ABC):
    """A completion under way, from a model server or a plugin: read it once, then close it."""

    @property
    @abstractmethod
    def is_stream(self) -> bool:
        """Whether the completion comes as a stream."""

    @property
    def server_response(self) -> UpstreamResponse | None:
        """The response of a model server whose bytes may be passed on as they are; None where they must be read."""
        return None

    @abstractmethod
    def payloads(self) -> AsyncIterator[list[bytes]]:
        """Yield the payloads of the stream, as many at once as have arrived: chat-completion chunks, then `[DONE]`.

        Not every source sends `[DONE]`.

        Raises:
            HttpError: the stream breaks off.
        """

    @abstractmethod
    async def read_completion(self) -> Completion:
        """Return the completion of a request that did not stream, in OpenAI's form, and close.

        Raises:
            ProviderRefusal: it is an error. HttpError: it cannot be read.
        """

    async def read_body(self) -> bytes:
        """Return the JSON that answers a client whose request did not stream, and close.

        Raises:
            ProviderRefusal, HttpError: as `read_completion`.
        """
        return await (await self.read_completion()).encode()

    async def read_answer(self) -> tuple[bytes, Completion | None]:
        """Return what `read_body` returns, and the completion in it, or None for anything else; and close.

        Raises:
            ProviderRefusal, HttpError: as `read_completion`.
        """
        completion = await self.read_completion()
        return await completion.encode(), completion

    @abstractmethod
    def close(self) -> None:
        """Close it, which tells its source to stop generating unless it was read to its end."""


class UpstreamResponse(CompletionResponse):
    """The response of a model server.

    `protocol` is what the server speaks: `openai` (chat completions), `responses` or `ollama`. A line of a stream that
    is longer than `max_line_bytes` is skipped.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        *,
        protocol: str,
        model_id: str,
        parser: CompletionParser,
        max_line_bytes: int | None = None,
    ) -> None:
        self.response = response
        self.protocol = protocol
        self._model_id = model_id
        self._parser = parser
        self._max_line_bytes = max_line_bytes

    @property
    def is_stream(self) -> bool:
        content_type = self.response.headers.get("content-type", "").lower()
        return "text/event-stream" in content_type or "application/x-ndjson" in content_type

    @property
    def server_response(self) -> UpstreamResponse:
        return self

    def create_stream_parser(self) -> StreamParser:
        """Create what turns the bytes of the stream into payloads."""
        return StreamParser(self.protocol, self._model_id, self._max_line_bytes)

    async def payloads(self) -> AsyncIterator[list[bytes]]:
        """Yield the payloads of the stream, as many at once as have arrived: chat-completion chunks, then `[DONE]`.

        Not every server sends `[DONE]`.

        Raises:
            HttpError 502: the connection breaks.
        """
        parser = self.create_stream_parser()
        failure: Exception | None = None
        try:
            async for data in iterate_body(self.response):
                payloads = parser.feed(data)
                if payloads:
                    yield payloads
        except CONNECTION_ERRORS as error:
            failure = error
        unread = take_unread(self.response) if failure is not None else b""
        if payloads := [*parser.feed(unread), *parser.end(is_whole=failure is None)]:
            yield payloads
        if failure is not None:
            raise self._report_break(failure) from failure

    async def read_completion(self) -> Completion:
        """Return the completion of a request that did not stream, in OpenAI's form, and close.

        Raises:
            ProviderRefusal: the server reported an error, although its status was 200.
            HttpError 502: the response is not JSON, too large, or without a message; or the connection breaks.
        """
        try:
            async with receive_body(self.response, MAX_ANSWER_BYTES) as body:
                completion = await self._parser.parse(body, self.protocol, self._model_id)
        except BodyTooLarge as error:
            log.warning("reading the response of %s failed: %s", self.response.url.host, error)
            raise HttpError(502, "The provider's response is too large.") from None
        except CONNECTION_ERRORS as error:
            raise self._report_break(error) from error
        except ValueError:
            raise HttpError(502, "The provider answered with something that is not JSON.") from None
        finally:
            self.close()
        if completion.error is not None:
            raise build_refusal(completion.error)
        if completion.message is None:
            raise HttpError(502, "The provider answered without a message.")
        return completion

    def _report_break(self, error: Exception) -> HttpError:
        """Log that the connection broke, and return the error to raise."""
        log.warning("the response of %s broke off: %s", self.response.url.host, error or type(error).__name__)
        return HttpError(502, messages.SERVER_CONNECTION_ERROR)

    def close(self) -> None:
        """Close the connection unless it was read to its end, which tells the server to stop generating."""
        self.response.close()


class StreamParser:
    """Turn the bytes of a stream, whatever protocol it has, into payloads of chat-completion chunks."""

    def __init__(self, protocol: str, model_id: str, max_line_bytes: int | None = None) -> None:
        self._events = EventParser(max_line_bytes)
        self._converter = create_converter(protocol, model_id)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads that are complete with these bytes."""
        return self._convert(self._events.feed(data))

    def end(self, *, is_whole: bool = True) -> list[bytes]:
        """Return the payloads at the end of the stream. `is_whole` is false where the connection broke."""
        payloads = self._convert(self._events.end())
        return payloads + self._converter.end() if self._converter is not None and is_whole else payloads

    def _convert(self, payloads: list[bytes]) -> list[bytes]:
        converter = self._converter
        if converter is None:
            return payloads
        return [converted for payload in payloads for converted in converter.feed(payload)]


def build_refusal(error: Any) -> ProviderRefusal:
    """Return the refusal that an error in a response with status 200 is; the error may name its status."""
    code = (error.get("code") or error.get("status")) if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    body = msgspec.json.encode({"error": error})
    return ProviderRefusal(status=status, body=body, content_type="application/json", headers={})
