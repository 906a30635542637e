"""An API client: the bytes of a server that speaks its protocol are relayed as they come, unparsed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

from fastback.completions.sinks.refusals import build_refusal_response
from fastback.completions.sources import source_notes
from fastback.completions.sources.passages import Source
from fastback.completions.turn import Sink, Turn
from fastback.kit.http.body import JsonContent
from fastback.kit.http.errors import HttpError
from fastback.kit.http.streaming_response import StreamResponse
from fastback.providers.relay import RelayResponse
from fastback.providers.upstream import CompletionResponse, ProviderRefusal, StreamParser, UpstreamResponse

log = logging.getLogger("fastback.completions")

_DONE = b"[DONE]"
#: The end of a stream that broke off. The blank line before it ends an event that has none.
STREAM_FAILURE = b'\n\ndata: {"error": {"message": "Chat completion stream failed"}}\n\ndata: [DONE]\n\n'


class RelaySink(Sink):
    """Build the HTTP response for one API client.

    `response` is what the handler returns once the turn has run: a response that relays the stream while it is sent
    (the server stops when the client hangs up), or the whole completion.
    """

    def __init__(self) -> None:
        self.response: Any = None
        self._headers: dict[str, str] = {}

    async def begin(self, turn: Turn) -> None:
        """Put the note about the answer into a header."""
        self._headers = build_note_headers(turn.note)

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        server_response = upstream.server_response
        if upstream.is_stream:
            self.response = (
                self._relay_stream(turn, server_response) if server_response else self._stream_payloads(turn, upstream)
            )
        elif server_response is not None and server_response.protocol == "openai":
            inserter = _SourceInserter(turn.sources) if turn.sources else None
            self.response = RelayResponse(
                server_response.response, converter=inserter, headers=self._headers, on_end=_hand_slot_over(turn)
            )
        else:
            body = await upstream.read_body()
            if turn.sources:
                body = _SourceInserter(turn.sources).feed(body)
            self.response = JsonContent(body, headers=self._headers)

    def _relay_stream(self, turn: Turn, server_response: UpstreamResponse) -> RelayResponse:
        is_converted = server_response.protocol != "openai"
        return RelayResponse(
            server_response.response,
            prefix=format_sources_event(turn.sources) if turn.sources else b"",
            converter=_EventConverter(server_response.create_stream_parser()) if is_converted else None,
            failure=STREAM_FAILURE,
            content_type="text/event-stream" if is_converted else None,
            headers=self._headers,
            on_end=_hand_slot_over(turn),
        )

    def _stream_payloads(self, turn: Turn, upstream: CompletionResponse) -> StreamResponse:
        """Return a response that sends the payloads of a stream that plugins have a part in."""
        prefix = format_sources_event(turn.sources) if turn.sources else b""
        turn.is_handed_over = True
        events = _iterate_events(turn, upstream, prefix)
        headers = {"cache-control": "no-cache", **self._headers}
        return StreamResponse(events, "text/event-stream; charset=utf-8", headers)

    async def fail(self, error: Exception) -> None:
        """Answer with a server's refusal as it is; raise any other error for the application to answer."""
        if isinstance(error, ProviderRefusal):
            self.response = build_refusal_response(error)
            return
        if isinstance(error, HttpError) and self._headers:
            headers = {**(error.headers or {}), **self._headers}
            raise HttpError(error.status, error.detail, headers) from error
        raise error


def _hand_slot_over(turn: Turn) -> Callable[[], None] | None:
    """Have the turn count as running until its response has ended; return what the response calls then."""
    if turn.slot is None:
        return None
    turn.slot.is_handed_over = True
    return turn.slot.release


async def _iterate_events(turn: Turn, upstream: CompletionResponse, prefix: bytes) -> AsyncIterator[bytes]:
    """Yield the payloads of a stream as events, with `[DONE]` at the end; close the stream, and end the turn."""
    if prefix:
        yield prefix
    try:
        async for payloads in upstream.payloads():
            if content := format_events(payload for payload in payloads if payload != _DONE):
                yield content
    except HttpError as error:
        log.warning("the stream of a completion broke off: %s", error.detail)
        yield STREAM_FAILURE
    else:
        yield format_events([_DONE])
    finally:
        upstream.close()
        turn.end()


class _SourceInserter:
    """Insert the field `sources` at the beginning of a completion."""

    def __init__(self, sources: list[Source]) -> None:
        self._field = b'{"sources":' + msgspec.json.encode(sources) + b","

    def feed(self, data: bytes) -> bytes:
        field, content = self._field, data.lstrip()
        if not field or not content:
            return data
        self._field = b""
        return field + content[1:] if content[:1] == b"{" else data

    def end(self, *, is_whole: bool) -> bytes:
        return b""


class _EventConverter:
    """Convert the stream of another protocol into events of chat-completion chunks."""

    def __init__(self, parser: StreamParser) -> None:
        self._parser = parser

    def feed(self, data: bytes) -> bytes:
        return format_events(self._parser.feed(data))

    def end(self, *, is_whole: bool) -> bytes:
        return format_events(self._parser.end(is_whole=is_whole))


def build_note_headers(note: str | None) -> dict[str, str]:
    """Return the header with the note about an answer; none without a note."""
    return {source_notes.HEADER: " ".join(note.split()).encode("ascii", "replace").decode()} if note else {}


def format_events(payloads: Iterable[bytes]) -> bytes:
    """Return each payload as an event."""
    return b"".join(b"data: " + payload + b"\n\n" for payload in payloads)


def format_sources_event(sources: list[Source]) -> bytes:
    """Return the event that goes before a stream whose answer is based on sources."""
    return b"data: " + msgspec.json.encode({"sources": sources}) + b"\n\n"
