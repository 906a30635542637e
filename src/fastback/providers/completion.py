"""A whole completion of a request that did not stream, read from the body of a server's response."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.kit.sliced_json import encode_in_slices
from fastback.providers.chunk_reader import ChunkReader
from fastback.providers.completion_chunk import CompletionChunk, Delta, ToolCallDelta, Usage, read_usage
from fastback.providers.lenient_json import decode_mended
from fastback.providers.ollama import completions as ollama_completions
from fastback.providers.responses_api import completions as responses_completions
from fastback.providers.sse import EventParser


class Completion(msgspec.Struct):
    """A completion in OpenAI's form.

    Attributes:
        body: the whole of it as JSON, where that is valid and not large; see `encode`.
        message: None where the server sent none.
        error: what the server reported in place of a completion; None where it did not fail.
    """

    body: bytes = b""
    id: str = ""
    model: str = ""
    message: Delta | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    error: Any = None

    @property
    def text(self) -> str:
        """The text; the reasoning where there is no text."""
        return (self.message.get_text() or self.message.get_reasoning()) if self.message is not None else ""

    async def encode(self) -> bytes:
        """Return the whole of it as JSON; without fields that are not known here, where the server's is not at hand."""
        return self.body or b"".join(await encode_in_slices(self.to_json()))

    def to_json(self) -> Any:
        """Return what `encode` encodes."""
        if self.body:
            return msgspec.Raw(self.body)
        message = {"role": "assistant", "content": "", **msgspec.to_builtins(self.message)}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        value: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [choice],
        }
        return {**value, "usage": self.usage} if self.usage else value


class _Head(msgspec.Struct):
    """What a completion says of itself."""

    id: Any = None
    model: Any = None


def parse_completion(body: bytes, protocol: str, model_id: str) -> Completion:
    """Return the completion in a body, by the protocol of its server: `openai`, `responses` or `ollama`.

    Servers that stream although they were not asked to are understood, too.

    Raises:
        ValueError: the body is neither JSON nor a stream of it.
    """
    converted = body
    if protocol != "openai":
        try:
            converted = _convert_body(body, protocol, model_id)
        except ValueError:
            return _parse_stream(body, protocol, model_id)
    reader = ChunkReader()
    chunk = reader.read(converted)
    if chunk is None:
        return _parse_stream(body, protocol, model_id)
    completion = _build_completion(chunk, _read_head(converted))
    completion.body = b"" if reader.is_lenient else reader.get_valid_payload(converted) or b""
    return completion


def _convert_body(body: bytes, protocol: str, model_id: str) -> bytes:
    """Return a body of another protocol in OpenAI's form.

    Raises:
        ValueError: it is not JSON.
    """
    value = decode_mended(body)
    if isinstance(value, dict):
        if protocol == "ollama":
            value = ollama_completions.to_openai_completion(value, model_id)
        else:
            value = responses_completions.to_openai_completion(value)
    return msgspec.json.encode(value)


def _read_head(body: bytes) -> _Head:
    try:
        return msgspec.json.decode(body, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Head()


def _build_completion(chunk: CompletionChunk, head: _Head) -> Completion:
    """Return the completion that a chunk with a whole message is."""
    choice = chunk.choices[0] if chunk.choices else None
    return Completion(
        id=head.id if isinstance(head.id, str) else "",
        model=head.model if isinstance(head.model, str) else "",
        message=choice.delta if choice is not None else None,
        finish_reason=choice.finish_reason if choice is not None else None,
        usage=read_usage(chunk),
        error=chunk.error,
    )


def _parse_stream(body: bytes, protocol: str, model_id: str) -> Completion:
    """Return the completion that a stream adds up to.

    Raises:
        ValueError: the body is no stream.
    """
    parser = EventParser()
    payloads = [*parser.feed(body), *parser.end()]
    converter = create_converter(protocol, model_id)
    if converter is not None:
        payloads = [converted for payload in payloads for converted in converter.feed(payload)]
    reader = ChunkReader()
    chunks = [chunk for payload in payloads if (chunk := reader.read(payload)) is not None]
    if not any(chunk.choices or chunk.error for chunk in chunks):
        raise ValueError("no completion")
    return _add_up(chunks, _read_head(payloads[0]))


def _add_up(chunks: list[CompletionChunk], head: _Head) -> Completion:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: dict[int | None, ToolCallDelta] = {}
    total = CompletionChunk()
    finish_reason: str | None = None
    for chunk in chunks:
        total.usage = read_usage(chunk) or total.usage
        total.error = total.error or chunk.error
        for choice in chunk.choices[:1]:
            finish_reason = choice.finish_reason or finish_reason
            delta = choice.delta or Delta()
            texts.append(delta.get_text())
            thoughts.append(delta.get_reasoning())
            for call in delta.tool_calls or ():
                _add_call(calls, call)
    completion = _build_completion(total, head)
    if completion.error is None:
        completion.message = Delta(
            content="".join(texts),
            reasoning_content="".join(thoughts) or None,
            tool_calls=list(calls.values()) or None,
        )
        completion.finish_reason = finish_reason
    return completion


def _add_call(calls: dict[int | None, ToolCallDelta], delta: ToolCallDelta) -> None:
    """Add a delta to its call, in place."""
    call = calls.setdefault(delta.index, delta)
    if call is delta or delta.function is None:
        return
    if call.function is None:
        call.function = delta.function
    else:
        call.function.name = call.function.name or delta.function.name
        call.function.arguments = (call.function.arguments or "") + (delta.function.arguments or "")


#: Converts the payloads of one stream.
Converter = ollama_completions.OllamaToOpenAI | responses_completions.ResponsesToOpenAI


def create_converter(protocol: str, model_id: str) -> Converter | None:
    """Return a converter to chunks of chat completions; None for a protocol that has them."""
    if protocol == "ollama":
        return ollama_completions.OllamaToOpenAI(model_id)
    return responses_completions.ResponsesToOpenAI(model_id) if protocol == "responses" else None
