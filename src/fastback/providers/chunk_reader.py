"""The chunks of one stream read one after the other: the one place that knows how servers deviate from the protocol.

A chunk as the protocol has it costs one decoding. Only a chunk that does not decode is read again, leniently.
"""

from __future__ import annotations

import msgspec

from fastback.providers.completion_chunk import CompletionChunk, Delta, ToolCallDelta, to_chunk
from fastback.providers.lenient_json import SurrogateJoiner, decode_leniently

_decode = msgspec.json.Decoder(CompletionChunk).decode
_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ChunkReader:
    """Read the payloads of one stream, or one whole completion.

    In the chunks that it returns, the first choice has a `delta`, each tool call has the `index` of the call that it
    belongs to, and an error is None or says something.
    """

    def __init__(self) -> None:
        self._calls = _CallNumbers()
        #: Whether the stream has deltas: then a whole message in a chunk repeats what has come.
        self._has_deltas = False
        self._joiner = SurrogateJoiner()
        self._halves = self._joiner.halves
        self._chunk: CompletionChunk | None = None
        #: Whether the last payload was read leniently.
        self.is_lenient = False

    def read(self, payload: bytes) -> CompletionChunk | None:
        """Return what a payload holds; None for one that is no JSON, as comments and keep-alives are."""
        try:
            chunk = self._chunk = _decode(payload)
            self.is_lenient = False
        except _DECODE_ERRORS:
            try:
                chunk = self._chunk = to_chunk(decode_leniently(payload))
            except (ValueError, RecursionError):
                self._chunk = None
                return None
            self.is_lenient = True
        if chunk.error is not None:
            chunk.error = chunk.error or None
        if chunk.choices:
            choice = chunk.choices[0]
            if choice.message is not None:
                choice.delta = self._choose_delta(choice.delta, choice.message)
            delta = choice.delta
            if delta is not None:
                self._has_deltas = True
                if delta.tool_calls:
                    for call in delta.tool_calls:
                        call.index = self._calls.find_number(call)
                if self.is_lenient or self._halves:
                    self._join_halves(delta)
        return chunk

    def get_valid_payload(self, payload: bytes) -> bytes | None:
        """Return the payload that was read last as JSON that may be passed on; None where it is no JSON.

        It is as it came, where that is valid.
        """
        if self._chunk is None:
            return None
        if self.is_lenient:
            return msgspec.json.encode(self._chunk)
        # Strict decoding skips unknown fields, and does not look at the encoding of their texts.
        return payload if payload.isascii() else payload.decode("utf-8", "replace").encode()

    def _choose_delta(self, delta: Delta | None, message: Delta) -> Delta:
        """Return what a chunk with a whole message adds. Some servers send calls in the last message alone."""
        if delta is None and not self._has_deltas:
            return message
        delta = delta or Delta()
        if message.tool_calls and not delta.tool_calls and self._calls.is_empty:
            delta.tool_calls = message.tool_calls
        return delta

    def _join_halves(self, delta: Delta) -> None:
        join = self._joiner.join
        delta.content = join("content", delta.content or "")
        delta.reasoning_content = join("reasoning", delta.get_reasoning())
        delta.refusal = join("refusal", delta.refusal or "")
        for call in delta.tool_calls or ():
            if call.function is not None and call.function.arguments is not None:
                call.function.arguments = join(f"arguments {call.index}", call.function.arguments)


class _CallNumbers:
    """Tell which tool call a delta belongs to: by its index, by its id, or to the last where it has neither.

    A server may give every call the index 0 and tell them apart by their ids, or send no index at all. An id that
    changes without a name is no new call: some servers make up an id for each delta.
    """

    def __init__(self) -> None:
        #: The ids of the calls, in their order.
        self._ids: list[str | None] = []
        #: Numbers of calls by the index that their deltas have.
        self._by_index: dict[int | None, int] = {}

    @property
    def is_empty(self) -> bool:
        return not self._ids

    def find_number(self, delta: ToolCallDelta) -> int:
        """Return the number of the call, from 0."""
        if delta.id is None and delta.index in self._by_index:
            return self._by_index[delta.index]  # nearly every delta
        number = self._find_known_number(delta)
        if number is None:
            number = len(self._ids)
            self._ids.append(delta.id)
        elif self._ids[number] is None:
            self._ids[number] = delta.id
        if delta.index is not None:
            self._by_index[delta.index] = number
        return number

    def _find_known_number(self, delta: ToolCallDelta) -> int | None:
        known_by_id = self._ids.index(delta.id) if delta.id and delta.id in self._ids else None
        begins_call = delta.function is not None and bool(delta.function.name)
        if delta.index is None:
            is_last = known_by_id is None and not begins_call and bool(self._ids)
            return len(self._ids) - 1 if is_last else known_by_id
        number = self._by_index.get(delta.index)
        if number is None:
            return None if begins_call else known_by_id
        is_other_call = begins_call and delta.id and self._ids[number] not in (None, delta.id)
        return known_by_id if is_other_call else number
