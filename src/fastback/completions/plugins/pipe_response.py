"""The answer of a pipe under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from fastback.kit.http.errors import HttpError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginProcessGone
from fastback.providers.completion import Completion
from fastback.providers.large_completions import CompletionParser
from fastback.providers.response_body import MAX_ANSWER_BYTES, BodyTooLarge, collect_body
from fastback.providers.upstream import CompletionResponse, StreamParser, build_refusal

log = logging.getLogger("fastback.plugins")

#: Tries to close a stream that another task still reads, and seconds between two.
_CLOSE_TRIES, _CLOSE_PAUSE = 100, 0.01


class PipeResponse(CompletionResponse):
    """Read the answer of a pipe: events, or the JSON of a whole completion, as the plugin process sends them."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        is_stream: bool,
        model_id: str,
        parser: CompletionParser,
        max_line_bytes: int | None,
        on_close: Callable[[], None],
    ) -> None:
        """`pieces` are the bytes of the answer. `on_close` is called once, when it has been closed."""
        self._pieces = pieces
        self._is_stream = is_stream
        self._model_id = model_id
        self._parser = parser
        self._max_line_bytes = max_line_bytes
        self._on_close = on_close
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_stream(self) -> bool:
        return self._is_stream

    async def payloads(self) -> AsyncIterator[list[bytes]]:
        """Yield the payloads of the stream, as many at once as have arrived.

        Raises:
            HttpError: the plugin process ended.
        """
        parser = StreamParser("openai", self._model_id, self._max_line_bytes)
        failure: HttpError | None = None
        try:
            async for data in self._pieces:
                if payloads := parser.feed(data):
                    yield payloads
        except (PluginProcessGone, RemoteFailure) as error:
            failure = self._report_break(error)
        if payloads := parser.end(is_whole=failure is None):
            yield payloads
        if failure is not None:
            raise failure

    async def read_completion(self) -> Completion:
        """Return the completion of a request that did not stream, in OpenAI's form, and close.

        Raises:
            ProviderRefusal: the pipe failed. HttpError: its answer is no completion, or the plugin process ended.
        """
        try:
            async with collect_body(self._pieces, MAX_ANSWER_BYTES) as body:
                completion = await self._parser.parse(body, "openai", self._model_id)
        except BodyTooLarge:
            raise HttpError(502, "The answer of the pipe is too large.") from None
        except (PluginProcessGone, RemoteFailure) as error:
            raise self._report_break(error) from None
        except ValueError:
            raise HttpError(502, "The pipe answered with something that is no completion.") from None
        finally:
            self.close()
        if completion.error is not None:
            raise build_refusal(completion.error)
        if completion.message is None:
            raise HttpError(502, "The pipe answered without a message.")
        return completion

    async def read_body(self) -> bytes:
        """Return the answer to a request that did not stream as the pipe gave it, and close.

        Raises:
            HttpError: it is too large, or the plugin process ended.
        """
        content = bytearray()
        try:
            async for piece in self._pieces:
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    raise HttpError(502, "The answer of the pipe is too large.")
        except (PluginProcessGone, RemoteFailure) as error:
            raise self._report_break(error) from None
        finally:
            self.close()
        return bytes(content)

    async def read_answer(self) -> tuple[bytes, Completion | None]:
        """Return the answer as `read_body` does, and the completion in it, or None for an error and anything else.

        Raises:
            HttpError: it is too large, or the plugin process ended.
        """
        content = await self.read_body()
        try:
            async with collect_body(_iterate(content), MAX_ANSWER_BYTES) as body:
                completion = await self._parser.parse(body, "openai", self._model_id)
        except ValueError:
            return content, None
        return content, completion if completion.error is None and completion.message is not None else None

    def _report_break(self, error: Exception) -> HttpError:
        log.warning("the answer of pipe %s broke off: %s", self._model_id, error)
        return HttpError(502, str(error))

    def close(self) -> None:
        """Close it, which ends the pipe unless it was read to its end."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        for _ in range(_CLOSE_TRIES):
            try:
                await self._pieces.aclose()
            except RuntimeError:  # its reader was cancelled, and has not left yet
                await asyncio.sleep(_CLOSE_PAUSE)
            else:
                break
        self._on_close()


async def _iterate(content: bytes) -> AsyncIterator[bytes]:
    yield content
