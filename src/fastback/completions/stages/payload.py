"""Payload: what the server is sent besides the messages."""

from __future__ import annotations

from fastback.completions.turn import Turn
from fastback.providers.model import Model
from fastback.providers.parameters import build_provider_body


class PayloadStage:
    """Build the payload of the request's body and the merged parameters, and decide whether the answer streams."""

    name = "payload"

    async def run(self, turn: Turn) -> None:
        """Build the payload.

        Raises:
            BadRequest: a parameter whose value has the wrong type.
        """
        payload = build_provider_body(turn.request.body, turn.parameters)
        payload["messages"] = turn.messages
        turn.is_stream = bool(payload.get("stream"))
        if turn.parameters.get("stream_response") is not None:
            turn.is_stream = payload["stream"] = bool(turn.parameters["stream_response"])
        if turn.is_stream and _reports_usage(turn.model):
            payload["stream_options"] = {**(payload.get("stream_options") or {}), "include_usage": True}
        turn.payload = payload


def _reports_usage(model: Model) -> bool:
    """Return whether the model is marked as one that counts tokens in a stream."""
    meta = model.entry_info.get("meta") or {}
    return bool((meta.get("capabilities") or {}).get("usage"))
