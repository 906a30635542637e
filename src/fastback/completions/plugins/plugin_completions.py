"""Completions that plugins ask for: `generate_chat_completion`.

A plugin asks any model, another plugin's among them, within the turn that it takes part in. The request goes to the
model as the plugin wrote it, with the model's own parameters and system prompt; filters and tools have no part in it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.sinks.relay import format_events
from fastback.completions.turn import Sink, Turn
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.completions.turn_request import parse_turn_request
from fastback.features.users import store as user_store
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, HttpError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods
from fastback.providers.model import Model
from fastback.providers.registry import ModelRegistry
from fastback.providers.request_context import RequestContext
from fastback.providers.upstream import CompletionResponse, ProviderRefusal

log = logging.getLogger("fastback.plugins")

Json = dict[str, Any]

#: Bytes of an answer in one message to the plugin process.
_PIECE_BYTES = 256 * 1024


class PluginCompletion(msgspec.Struct, kw_only=True):
    """A completion that a plugin asks for.

    Attributes:
        turn_id: the turn of the plugin's request; empty where it has none.
        form: the body; its `metadata` are what plugins see that answer for the model.
        bypass_filter: whether any model may be asked; otherwise a user may ask those that they may use.
        bypass_system_prompt: whether the model's own system prompt is left out.
        depth: the plugins' models that the request comes from, one inside the other.
    """

    turn_id: str = ""
    user_id: str
    form: Json
    bypass_filter: bool = False
    bypass_system_prompt: bool = False
    depth: int = 0


class _ResponseHolder(Sink):
    """Hold the response of a turn for the plugin that has begun it."""

    def __init__(self) -> None:
        self.response: CompletionResponse | None = None

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        self.response = upstream
        turn.is_handed_over = True

    async def fail(self, error: Exception) -> None:
        raise error


class PluginCompletions:
    """Ask models on request of plugins."""

    def __init__(
        self,
        *,
        db: Database,
        pipeline: TurnPipeline,
        registry: ModelRegistry,
        turns: PluginTurns,
        methods: HostMethods,
    ) -> None:
        self._db = db
        self._pipeline = pipeline
        self._registry = registry
        self._turns = turns
        methods.add("completions.stream", self._stream)
        methods.add("completions.generate", self._generate)

    async def _stream(self, completion: Json) -> AsyncGenerator[Any, None]:
        """Yield the head of a response, `{status, content_type, headers}`, and then its body in pieces.

        The body is JSON, or the events of a stream. A refusal of a model server is a response, too.

        Raises:
            RemoteFailure: of the kind `http_error` with `{status, detail}`: the completion is not possible.
        """
        request = msgspec.convert(completion, PluginCompletion)
        try:
            turn, response = await self._open(request)
        except ProviderRefusal as refusal:
            yield {"status": refusal.status, "content_type": refusal.content_type, "headers": refusal.headers}
            yield refusal.body
            return
        except HttpError as error:
            raise _build_failure(error) from None
        try:
            if response.is_stream:
                yield {"status": 200, "content_type": "text/event-stream", "headers": {}}
                if turn.selected_model_id:
                    yield format_events([msgspec.json.encode({"selected_model_id": turn.selected_model_id})])
                async for payloads in response.payloads():
                    yield format_events(payloads)
                return
            body = await self._read_body(turn, response)
            yield {"status": 200, "content_type": "application/json", "headers": {}}
            for start in range(0, len(body), _PIECE_BYTES):
                yield body[start : start + _PIECE_BYTES]
        except HttpError as error:
            raise _build_failure(error) from None
        finally:
            response.close()
            turn.end()

    async def _generate(self, completion: Json) -> Json:
        """Return a whole response, `{status, content_type, headers, body}`, for callers that cannot read streams.

        Raises:
            RemoteFailure: as `_stream`.
        """
        head: Json | None = None
        body = bytearray()
        async for item in self._stream(completion):
            if head is None:
                head = item
            else:
                body += item
        return {**(head or {}), "body": bytes(body)}

    async def _open(self, request: PluginCompletion) -> tuple[Turn, CompletionResponse]:
        user, ctx = await self._build_context(request)
        form = {name: value for name, value in request.form.items() if name != "metadata"}
        metadata = request.form.get("metadata")
        holder = _ResponseHolder()
        turn = Turn(
            request=parse_turn_request(form),
            ctx=msgspec.structs.replace(
                ctx,
                plugin_metadata=metadata if isinstance(metadata, dict) else {},
                pipe_depth=request.depth,
                continues=False,
            ),
            sink=holder,
            is_forwarded=True,
            omits_system_prompt=request.bypass_system_prompt,
        )
        turn.admitted_model = await self._require_model(request, turn.request.model_id, user)
        await self._pipeline.execute(turn)
        assert holder.response is not None
        return turn, holder.response

    async def _build_context(self, request: PluginCompletion) -> tuple[User, RequestContext]:
        """Return the user, and the context of their request: that of the turn, where it is the same user's."""
        turn = self._turns.find(request.turn_id) if request.turn_id else None
        if turn is not None and turn.user.id == request.user_id:
            return turn.user, turn.ctx
        record = await user_store.find_user(self._db, request.user_id)
        if record is None:
            raise BadRequest("User not found")
        user = User(record.id, record.email, record.name, record.role)
        return user, RequestContext(user=user)

    async def _require_model(self, request: PluginCompletion, model_id: str, user: User) -> Model:
        """Return the model of an id; an arena's choice in its place comes later.

        Raises:
            HttpError: it does not exist, or the user may not use it.
        """
        model = await self._registry.find(model_id)
        if model is None:
            raise BadRequest("Model not found")
        if not request.bypass_filter and user.role == "user":
            await self._registry.require_access(user, model)
        return model

    @staticmethod
    async def _read_body(turn: Turn, response: CompletionResponse) -> bytes:
        """Return a completion that did not stream as JSON, with the model that an arena has chosen."""
        body = await response.read_body()
        if turn.selected_model_id and body[:1] == b"{" and body[-1:] == b"}" and len(body) > 2:
            field = msgspec.json.encode({"selected_model_id": turn.selected_model_id})
            return body[:-1] + b"," + field[1:]
        return body


def _build_failure(error: HttpError) -> RemoteFailure:
    return RemoteFailure("http_error", str(error.detail), {"status": error.status, "detail": error.detail})
