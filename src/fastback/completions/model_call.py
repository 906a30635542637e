"""The call of the model in a turn: filters see the request last, and the stream first."""

from __future__ import annotations

from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.plugins.filtered_response import FilteredResponse
from fastback.completions.turn import Turn
from fastback.providers.client import ModelClient
from fastback.providers.upstream import CompletionResponse


class ModelCall:
    """Ask the models of turns, servers' and plugins' alike."""

    def __init__(self, *, client: ModelClient, chain: FilterChain) -> None:
        self._client = client
        self._chain = chain

    async def open(self, turn: Turn) -> CompletionResponse:
        """Send the turn's payload and messages to its model; return the response once its head is there.

        Raises:
            ProviderRefusal, HttpError: as `ModelClient.open_completion`. BadRequest: a filter refused the request.
        """
        payload = {**turn.payload, "messages": turn.messages}
        if self._chain.list_with_hook(turn, "request"):
            body, _ = await self._chain.run_hook(turn, "request", {**payload, "model": turn.model.id})
            payload = {name: value for name, value in body.items() if name != "model"}
            turn.is_stream = bool(payload.get("stream"))
        response = await self._client.open_completion(turn.server_model, payload, turn.ctx)
        if turn.is_stream and self._chain.list_with_hook(turn, "stream"):
            return FilteredResponse(response, self._chain, turn)
        return response
