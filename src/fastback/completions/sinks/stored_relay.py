"""An API client that names a chat: its answer is relayed to it, and shown and stored as that of a page.

The turn runs beside the request, as clients on mobile networks lose their connection: it goes on without them, and they
find the answer in the chat.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response

from fastback.completions.answer_builder import ProviderStreamError
from fastback.completions.sinks.client_stream import ClientStream
from fastback.completions.sinks.page import PageServices, PageSink
from fastback.completions.sinks.refusals import build_refusal_response
from fastback.completions.sinks.relay import STREAM_FAILURE, build_note_headers, format_events, format_sources_event
from fastback.completions.turn import Turn
from fastback.completions.turn_request import TurnRequest
from fastback.kit.http.body import JsonContent
from fastback.kit.http.errors import Conflict, HttpError
from fastback.kit.http.streaming_response import StreamResponse
from fastback.providers.completion import Completion
from fastback.providers.upstream import CompletionResponse, ProviderRefusal

#: The header with the id of a chat that the request began.
CHAT_ID_HEADER = "x-chat-id"
_DONE = b"[DONE]"


class StoredStream(StreamResponse):
    """The stream of an answer in the chat `chat_id`."""

    def __init__(self, stream: ClientStream, chat_id: str, headers: dict[str, str]) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no", **headers}
        super().__init__(stream.iterate(), "text/event-stream", headers)
        self.chat_id = chat_id


class StoredCompletion(JsonContent):
    """A whole answer in the chat `chat_id`."""

    def __init__(self, body: bytes, chat_id: str, headers: dict[str, str]) -> None:
        super().__init__(body, headers=headers)
        self.chat_id = chat_id


class StoredRelaySink(PageSink):
    """Relay one answer to an API client, and show and store it as that of a page.

    A stream begins with the answer. Its `[DONE]`, and a whole completion, go out once the answer is stored. Calls of
    tools are for the client.
    """

    runs_tools = False

    def __init__(self, services: PageServices, *, request: TurnRequest, **fields: Any) -> None:
        super().__init__(services, request=request, **fields)
        self._headers = {CHAT_ID_HEADER: request.chat_id} if request.is_new else {}
        #: A response, or the error to respond with.
        self._result: asyncio.Future[Response | Exception] = asyncio.get_running_loop().create_future()
        self._stream: ClientStream | None = None
        self._completion_body = b""

    async def get_response(self) -> Response:
        """Return the response as soon as there is one.

        Raises:
            HttpError: the turn failed, or was stopped.
        """
        result = await self._result
        if isinstance(result, Exception):
            raise result
        return result

    def _respond(self, result: Response | Exception) -> None:
        """Set the response. A second one has no effect."""
        if not self._result.done():
            self._result.set_result(result)

    # -- the answer ------------------------------------------------------------------------------------------------

    async def begin(self, turn: Turn) -> None:
        await super().begin(turn)
        self._headers |= build_note_headers(turn.note)

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        if turn.is_stream and upstream.is_stream:
            self._stream = ClientStream()
            if turn.sources:
                self._stream.send(format_sources_event(turn.sources))
            self._respond(StoredStream(self._stream, self._chat_id, self._headers))
        await super().deliver(turn, upstream)

    async def _read_payloads(self, upstream: CompletionResponse) -> AsyncIterator[list[bytes]]:
        async for payloads in super()._read_payloads(upstream):
            if self._stream is not None:
                self._stream.send_payloads(payload for payload in payloads if payload != _DONE)
            yield payloads

    async def _read_completion(self, upstream: CompletionResponse) -> Completion:
        completion = await super()._read_completion(upstream)
        self._completion_body = await completion.encode()
        return completion

    # -- the end ---------------------------------------------------------------------------------------------------

    async def finish(self, turn: Turn) -> None:
        await super().finish(turn)
        if self._stream is not None:
            self._stream.end(format_events([_DONE]))
            return
        body = self._completion_body
        if turn.sources:
            fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            body = msgspec.json.encode({"sources": msgspec.to_builtins(turn.sources), **fields})
        self._respond(StoredCompletion(body, self._chat_id, self._headers))

    async def cancel(self) -> None:
        try:
            await super().cancel()
        finally:
            self._respond(Conflict("The answer was stopped."))

    async def fail(self, error: Exception) -> None:
        await super().fail(error)
        if self._stream is not None and isinstance(error, ProviderStreamError):
            self._stream.end(format_events([_DONE]))  # the server's error is in the stream
        elif isinstance(error, ProviderRefusal):
            self._respond(build_refusal_response(error))
        elif isinstance(error, HttpError):
            self._respond(HttpError(error.status, error.detail, {**(error.headers or {}), **self._headers}))

    async def close(self) -> None:
        """End what has no end yet: the turn failed, or was stopped."""
        try:
            await super().close()
        finally:
            self._respond(HttpError(500, "Internal Server Error"))
            if self._stream is not None:
                self._stream.end(STREAM_FAILURE)
