"""A completion for an API client, as several entrances offer it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback.completions.sinks.relay import RelaySink
from fastback.completions.turn import Turn
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.completions.turn_request import parse_turn_request
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers.request_context import RequestContext


async def relay_completion(
    pipeline: TurnPipeline, body: dict[str, Any], ctx: RequestContext, request: Request, *, is_forwarded: bool = False
) -> Any:
    """Run a turn, and return the response that relays its completion. A client that hangs up ends the turn.

    `is_forwarded`: the server gets the request as the client wrote it, see `Turn`.

    Raises:
        HttpError: the request is not possible, or the server cannot be reached or its response not be read.
    """
    sink = RelaySink()
    turn = Turn(request=parse_turn_request(body), ctx=ctx, sink=sink, is_forwarded=is_forwarded)
    await run_while_connected(request.receive, pipeline.run(turn))
    return sink.response
