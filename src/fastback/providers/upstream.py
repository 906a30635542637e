"""The response of a model server under way, in OpenAI's form whatever protocol the server speaks; and its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.kit.http.errors import HttpError
from fastback.providers.ollama import completions as ollama_completions
from fastback.providers.responses_api import completions as responses_completions
from fastback.providers.sse import EventParser


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
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.body.decode("utf-8", "replace")

    def detail(self) -> str:
        """Return the text to show: the innermost message of the error, or up to 2,000 characters of plain text."""
        content = self.content()
        text = content.strip()[:2000] if isinstance(content, str) else find_error_text(content)
        return text or f"Provider returned HTTP {self.status}"


def find_error_text(error: Any) -> str:
    """Return the innermost text of an error object: `error`, `detail` or `message`, at any depth."""
    while isinstance(error, dict):
        for key in ("error", "detail", "message"):
            if error.get(key):
                error = error[key]
                break
        else:
            return msgspec.json.encode(error).decode() if error else ""
    if isinstance(error, list):
        return msgspec.json.encode(error).decode()
    return str(error) if error is not None else ""


class UpstreamResponse:
    """A completion under way: read it once, then close it.

    `protocol` is what the server speaks: `openai` (chat completions), `responses` or `ollama`. A line of a stream that
    is longer than `max_line_bytes` is skipped.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, *, protocol: str, model_id: str, max_line_bytes: int | None = None
    ) -> None:
        self.response = response
        self.protocol = protocol
        self._model_id = model_id
        self._max_line_bytes = max_line_bytes

    @property
    def is_stream(self) -> bool:
        content_type = self.response.headers.get("content-type", "")
        return "text/event-stream" in content_type or "application/x-ndjson" in content_type

    async def payloads(self) -> AsyncIterator[list[bytes]]:
        """Yield the payloads of the stream, as many at once as have arrived: chat-completion chunks, then `[DONE]`."""
        if self.protocol == "ollama":
            converter = ollama_completions.OllamaToOpenAI(self._model_id)
            tail = b""
            async for data in self.response.content.iter_any():
                *lines, tail = (tail + data).split(b"\n")
                events = [event for line in lines if line.strip() for event in converter.feed(line)]
                if events:
                    yield [payload for event in events for payload in _split_event(event)]
            return
        parser = EventParser(self._max_line_bytes)
        if self.protocol == "responses":
            translator = responses_completions.ResponsesToOpenAI(self._model_id)
            async for data in self.response.content.iter_any():
                chunks = [chunk for payload in parser.feed(data) for chunk in translator.feed(payload)]
                if chunks:
                    yield chunks
            return
        async for data in self.response.content.iter_any():
            payloads = parser.feed(data)
            if payloads:
                yield payloads
        if payloads := parser.end():
            yield payloads

    async def read_json(self) -> Any:
        """Return the whole completion of a request that did not stream, in OpenAI's form.

        Raises:
            HttpError: the response is not JSON.
            aiohttp.ClientError, TimeoutError, OSError: the connection breaks.
        """
        body = await self.response.read()
        try:
            completion = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise HttpError(502, "The provider answered with something that is not JSON.") from None
        if not isinstance(completion, dict) or self.protocol == "openai":
            return completion
        if self.protocol == "responses":
            return responses_completions.to_openai_completion(completion)
        return ollama_completions.to_openai_completion(completion, self._model_id)

    async def read_json_and_close(self) -> Any:
        """Return the whole completion, and close.

        Raises:
            HttpError 502: the response is not JSON, or the connection breaks.
        """
        try:
            return await self.read_json()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HttpError(502, messages.SERVER_CONNECTION_ERROR) from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection unless it was read to its end, which tells the server to stop generating."""
        self.response.close()


def _split_event(event: bytes) -> list[bytes]:
    """Return the payloads of the `data: …` lines of an event."""
    return [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]


def completion_text(completion: Any) -> str:
    """Return the text of a whole completion; its reasoning where it has no text."""
    try:
        message = completion["choices"][0]["message"]
    except (KeyError, IndexError, TypeError):
        return ""
    return str(message.get("content") or message.get("reasoning_content") or "")
