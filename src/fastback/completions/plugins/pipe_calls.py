"""Completions by pipes: the functions that offer models of their own."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

from fastback.completions.plugins.pipe_response import PipeResponse
from fastback.completions.plugins.plugin_events import EventTarget
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.features.functions.catalogue import ActiveFunction, FunctionCatalogue
from fastback.kit.http.errors import BadRequest
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone
from fastback.providers.large_completions import CompletionParser
from fastback.providers.model import Model
from fastback.providers.request_context import RequestContext
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

Json = dict[str, Any]

_EVENT_STREAM = "text/event-stream"


class PipeCalls:
    """Ask pipes for completions; a `CompletionSource`."""

    def __init__(
        self,
        *,
        catalogue: FunctionCatalogue,
        host: PluginHost,
        turns: PluginTurns,
        parser: CompletionParser,
        settings: Settings,
    ) -> None:
        self._catalogue = catalogue
        self._host = host
        self._turns = turns
        self._parser = parser
        self._max_line_bytes = settings.chat_stream_response_chunk_max_buffer_size

    async def open_completion(self, model: Model, payload: Json, ctx: RequestContext) -> PipeResponse:
        """Run a pipe, and return its answer once it is known whether it streams.

        Raises:
            BadRequest: the pipe does not exist any more, does not load, or failed before it ran.
        """
        try:
            function = await self._require_function(model)
            turn_id, metadata, close_turn = await self._require_turn(model, ctx)
        except PluginProcessGone as error:
            raise BadRequest(str(error)) from None
        call = {
            "turn_id": turn_id,
            "function": function.get_reference(),
            "body": {**payload, "model": model.id},
            "metadata": metadata,
            "extra_metadata": {"task": ctx.task, **ctx.plugin_metadata} if ctx.task else ctx.plugin_metadata,
            "depth": ctx.pipe_depth,
        }
        items: AsyncGenerator[Any, None] = self._host.stream("pipes.run", plugins=[function.key], call=call)
        try:
            content_type = await anext(items)
        except (RemoteFailure, PluginProcessGone) as error:
            close_turn()
            raise BadRequest(str(error)) from None
        except BaseException:
            close_turn()
            raise
        return PipeResponse(
            items,
            is_stream=content_type == _EVENT_STREAM,
            model_id=model.id,
            parser=self._parser,
            max_line_bytes=self._max_line_bytes,
            on_close=close_turn,
        )

    async def _require_function(self, model: Model) -> ActiveFunction:
        function = (await self._catalogue.get_functions()).get(model.id.partition(".")[0])
        if function is None or function.type != "pipe":
            raise BadRequest("Model not found")
        return function

    async def _require_turn(self, model: Model, ctx: RequestContext) -> tuple[str, Json, Callable[[], None]]:
        """Return the id of the turn of a request, the metadata that the server has for it, and what ends it.

        A request that belongs to no turn gets one of its own.
        """
        turn = self._turns.find(ctx.plugin_turn_id) if ctx.plugin_turn_id else None
        if turn is not None and turn.user.id == ctx.requester.id:
            return ctx.plugin_turn_id, turn.metadata, lambda: None
        message_id = ctx.message_id or None
        target = EventTarget(user_id=ctx.requester.id, chat_id=ctx.chat_id, message_id=message_id, session_id=None)
        metadata: Json = {"user_id": ctx.requester.id, "chat_id": ctx.chat_id or None}
        if message_id:  # a title that is generated beside an answer: plugins may emit events
            metadata |= {"message_id": message_id, "session_id": None}
        turn_id = await self._turns.open(ctx, model.entry, target, metadata)
        return turn_id, {}, lambda: self._turns.end(turn_id)
