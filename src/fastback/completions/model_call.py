"""The call of the model in a turn: filters see the request last, and the response first."""

from __future__ import annotations

from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.plugins.filtered_response import FilteredResponse
from fastback.completions.plugins.model_choice import ModelChoice
from fastback.completions.plugins.outlet_filters import OutletFilters
from fastback.completions.plugins.outlet_response import OutletResponse
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.plugins.turn_metadata import build_request_metadata
from fastback.completions.turn import Turn
from fastback.kit.http.errors import BadRequest
from fastback.kit.tasks import Tasks
from fastback.plugins.host import PluginProcessGone
from fastback.providers.client import ModelClient
from fastback.providers.upstream import CompletionResponse


class ModelCall:
    """Ask the models of turns, servers' and plugins' alike."""

    def __init__(
        self,
        *,
        client: ModelClient,
        chain: FilterChain,
        model_choice: ModelChoice,
        outlet_filters: OutletFilters,
        plugin_turns: PluginTurns,
        tasks: Tasks,
        has_api_outlet: bool,
    ) -> None:
        """`has_api_outlet`: outlet filters run on answers to API clients, too."""
        self._client = client
        self._chain = chain
        self._model_choice = model_choice
        self._outlet_filters = outlet_filters
        self._plugin_turns = plugin_turns
        self._tasks = tasks
        self._has_api_outlet = has_api_outlet

    async def open(self, turn: Turn) -> CompletionResponse:
        """Send the turn's payload and messages to its model; return the response once its head is there.

        Raises:
            ProviderRefusal, HttpError: as `ModelClient.open_completion`. BadRequest: a filter refused the request.
        """
        payload = {**turn.payload, "messages": turn.messages}
        if self._chain.list_with_hook(turn, "request"):
            body, _ = await self._chain.run_hook(turn, "request", {**payload, "model": turn.model.id})
            await self._model_choice.take_model(turn, body)
            payload = body
            turn.is_stream = bool(payload.get("stream"))
        if turn.server_model.is_plugin:
            await self._prepare_plugin_turn(turn)
        response: CompletionResponse = await self._client.open_completion(turn.server_model, payload, turn.ctx)
        if not turn.filters:
            return response
        if turn.is_stream and self._chain.list_with_hook(turn, "stream"):
            response = FilteredResponse(response, self._chain, turn)
        # Where the answer is stored, they run as a stage after it.
        if self._has_api_outlet and not (turn.in_chat or turn.keeps_answer) and self._outlet_filters.has_hook(turn):
            response = OutletResponse(response, filters=self._outlet_filters, turn=turn, tasks=self._tasks)
        return response

    async def _prepare_plugin_turn(self, turn: Turn) -> None:
        """Open the turn in the plugin process, and add what pipes see of a request to its metadata.

        Raises:
            BadRequest: there is no such process.
        """
        is_own_turn = not turn.is_forwarded or not turn.ctx.plugin_turn_id
        try:
            await self._plugin_turns.require(turn)
        except PluginProcessGone as error:
            raise BadRequest(str(error)) from None
        if is_own_turn:
            turn.metadata |= build_request_metadata(turn)
