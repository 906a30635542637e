"""Payload: what the server is sent besides the messages."""

from __future__ import annotations

from fastback.completions.turn import Turn
from fastback.providers.model import Model
from fastback.providers.parameters import add_parameters, select_provider_fields


class PayloadStage:
    """Build the payload of the request's body and the merged parameters, and decide whether the answer streams."""

    name = "payload"

    async def run(self, turn: Turn) -> None:
        """Build the payload.

        Raises:
            BadRequest: a parameter whose value has the wrong type.
        """
        body = turn.request.body
        if turn.is_forwarded:
            payload = {key: value for key, value in body.items() if key != "metadata"}
            turn.is_stream = bool(payload.get("stream"))
        else:
            payload = select_provider_fields(body)
            if turn.parameters.get("stream_response") is not None:
                payload["stream"] = bool(turn.parameters["stream_response"])
            turn.is_stream = bool(payload.get("stream"))
            if turn.is_stream and _reports_usage(turn.model):
                options = payload.get("stream_options")
                payload["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        add_parameters(payload, turn.parameters)
        turn.payload = payload


def _reports_usage(model: Model) -> bool:
    """Return whether the model is marked as one that counts tokens in a stream."""
    meta = model.entry_info.get("meta") or {}
    return bool((meta.get("capabilities") or {}).get("usage"))
