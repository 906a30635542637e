"""Inlet filters: plugins change the request before anything is added to it."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.plugins.model_choice import ModelChoice
from fastback.completions.turn import Turn

#: Fields of the request that later stages read; everything else in the body belongs to the model server.
_REQUEST_FIELDS = ("features", "files", "tool_ids", "skill_ids", "terminal_id", "folder_id")


class InletFiltersStage:
    """Select the filters of a turn, and run their `inlet` on its request."""

    name = "inlet_filters"

    def __init__(self, *, chain: FilterChain, model_choice: ModelChoice) -> None:
        self._chain = chain
        self._model_choice = model_choice

    async def run(self, turn: Turn) -> None:
        """Run the filters.

        Raises:
            BadRequest: a filter refused the request, or made one of it that is not possible.
        """
        if turn.is_forwarded:
            return
        await self._chain.select_filters(turn)
        if not self._chain.list_with_hook(turn, "inlet"):
            return
        body, drops_files = await self._chain.run_hook(turn, "inlet", _build_body(turn))
        await self._model_choice.take_model(turn, body)
        _take_body(turn, body, drops_files=drops_files)


def _build_body(turn: Turn) -> dict[str, Any]:
    """Return the request as filters see it."""
    request_body = turn.request.body
    request_fields = {name: request_body[name] for name in _REQUEST_FIELDS if name in request_body}
    return {
        **turn.payload,
        **({"stream": turn.is_stream} if "stream" in request_body or turn.is_stream else {}),
        "model": turn.model.id,
        "messages": turn.messages,
        **request_fields,
    }


def _take_body(turn: Turn, body: dict[str, Any], *, drops_files: bool) -> None:
    """Write what the filters made of the request back into the turn."""
    messages = body.get("messages", [])
    turn.messages = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    turn.is_stream = bool(body.get("stream"))
    request_fields = {name: body.pop(name) for name in _REQUEST_FIELDS if name in body}
    if drops_files:
        request_fields.pop("files", None)
    remaining = {name: value for name, value in turn.request.body.items() if name not in _REQUEST_FIELDS}
    files = request_fields.get("files")
    turn.request = msgspec.structs.replace(
        turn.request, body={**remaining, **request_fields}, files=files if isinstance(files, list) else None
    )
    turn.payload = body
