"""An API client: the server's bytes are relayed as they come, unparsed."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.sinks.refusals import build_refusal_response
from fastback.completions.sources import source_notes
from fastback.completions.sources.passages import Source
from fastback.completions.turn import Sink, Turn
from fastback.kit.http import Json
from fastback.kit.http.errors import HttpError
from fastback.providers.ollama.completions import OllamaToOpenAI
from fastback.providers.relay import RelayResponse
from fastback.providers.upstream import ProviderRefusal, UpstreamResponse


class RelaySink(Sink):
    """Build the HTTP response for one API client.

    `response` is what the handler returns once the turn has run: a response that relays the stream while it is sent
    (the server stops when the client hangs up), or the whole completion.
    """

    def __init__(self) -> None:
        self.response: Any = None
        self._headers: dict[str, str] = {}

    async def begin(self, turn: Turn) -> None:
        """Put the note about sources that could not be read into a header."""
        if turn.note:
            note = " ".join(turn.note.split()).encode("ascii", "replace").decode()
            self._headers = {source_notes.HEADER: note}

    async def deliver(self, turn: Turn, upstream: UpstreamResponse) -> None:
        sources = [msgspec.to_builtins(source) for source in turn.sources]
        if upstream.is_stream:
            self.response = self._relay_stream(turn, upstream)
        elif upstream.protocol == "openai" and not sources:
            self.response = RelayResponse(upstream.response, headers=self._headers)
        else:
            completion = await upstream.read_json_and_close()
            if sources and isinstance(completion, dict):
                completion = {"sources": sources, **completion}
            self.response = Json(completion, headers=self._headers) if self._headers else completion

    def _relay_stream(self, turn: Turn, upstream: UpstreamResponse) -> RelayResponse:
        prefix = _format_sources_event(turn.sources) if turn.sources else b""
        if upstream.protocol != "ollama":
            return RelayResponse(upstream.response, prefix=prefix, headers=self._headers)
        converter = OllamaToOpenAI(turn.requested_model.id)
        tail = b""

        def convert(data: bytes) -> bytes:
            nonlocal tail
            *lines, tail = (tail + data).split(b"\n")
            return b"".join(event for line in lines if line.strip() for event in converter.feed(line))

        return RelayResponse(
            upstream.response, prefix=prefix, convert=convert, content_type="text/event-stream", headers=self._headers
        )

    async def fail(self, error: Exception) -> None:
        """Answer with a server's refusal as it is; raise any other error for the application to answer."""
        if isinstance(error, ProviderRefusal):
            self.response = build_refusal_response(error)
            return
        if isinstance(error, HttpError) and self._headers:
            headers = {**(error.headers or {}), **self._headers}
            raise HttpError(error.status, error.detail, headers) from error
        raise error


def _format_sources_event(sources: list[Source]) -> bytes:
    """Return the event that goes before a stream whose answer is based on sources."""
    return b"data: " + msgspec.json.encode({"sources": sources}) + b"\n\n"
