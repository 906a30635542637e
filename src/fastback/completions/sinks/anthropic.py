"""A client of Anthropic's Messages API: the answer of any model in that API's form, streamed or whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.responses import StreamingResponse

from fastback.completions.sinks.anthropic_messages import MessageStream, convert_completion
from fastback.completions.sinks.refusals import build_refusal_response
from fastback.completions.turn import Sink, Turn
from fastback.kit.http.body import JsonContent
from fastback.kit.http.errors import HttpError
from fastback.kit.pacing import let_others_run
from fastback.kit.sliced_json import encode_in_slices
from fastback.providers.response_body import MAX_STEP_BYTES
from fastback.providers.upstream import CompletionResponse, ProviderRefusal

log = logging.getLogger("fastback.completions")

#: Counts the input tokens of the request; None where the server does not count them.
CountTokens = Callable[[], Awaitable[int | None]]

#: Seconds that a stream waits for the count of its tokens once the server has begun to answer.
COUNT_TIMEOUT = 1.0


class AnthropicSink(Sink):
    """Build the HTTP response for one client. `response` is what the handler returns once the turn has run."""

    def __init__(self, count_tokens: CountTokens) -> None:
        self.response: Any = None
        self._count_tokens = count_tokens
        self._counting: asyncio.Future[int | None] | None = None

    async def begin(self, turn: Turn) -> None:
        """Count the input tokens of a stream beside the model call: the first event of the stream names them."""
        if turn.is_stream:
            self._counting = asyncio.ensure_future(self._count_tokens())

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        model_id = turn.requested_model.id
        if upstream.is_stream:
            turn.is_handed_over = True
            stream = MessageStream(model_id, await self._wait_for_count())
            self.response = StreamingResponse(
                _stream_events(turn, upstream, stream),
                media_type="text/event-stream",
                headers={"cache-control": "no-cache"},
            )
            return
        completion = await upstream.read_completion()
        usage = completion.usage or {}
        is_counted = "input_tokens" in usage or "prompt_tokens" in usage
        body = convert_completion(completion, model_id, None if is_counted else await self._count_tokens())
        self.response = JsonContent(b"".join(await encode_in_slices(body)))

    async def _wait_for_count(self) -> int | None:
        if self._counting is None:
            return None
        await asyncio.wait([self._counting], timeout=COUNT_TIMEOUT)
        return self._counting.result() if self._counting.done() else None

    async def fail(self, error: Exception) -> None:
        """Answer with a server's refusal as it is; raise any other error for the application to answer."""
        if not isinstance(error, ProviderRefusal):
            raise error
        self.response = build_refusal_response(error)

    async def close(self) -> None:
        if self._counting is not None:
            self._counting.cancel()


async def _stream_events(turn: Turn, upstream: CompletionResponse, stream: MessageStream) -> AsyncIterator[bytes]:
    yield stream.start()
    try:
        async for payloads in upstream.payloads():
            is_last = b"[DONE]" in payloads
            events = b"".join(map(stream.feed, payloads[: payloads.index(b"[DONE]")] if is_last else payloads))
            for start in range(0, len(events), MAX_STEP_BYTES):
                if start > 0:
                    await let_others_run()  # a very long event must not hold up everything else
                yield events[start : start + MAX_STEP_BYTES]
            if is_last:
                break
    except HttpError:
        yield stream.fail()
    except Exception:
        log.exception("converting the stream of a completion failed")
        yield stream.fail()
    finally:
        upstream.close()
        turn.end()
    yield stream.end()
