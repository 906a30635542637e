"""Chat completions over HTTP, for the page and for API clients."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request

from fastback.access.guards import VerifiedUser
from fastback.completions.doors.relayed_completion import relay_completion
from fastback.completions.page_turns import PageTurns
from fastback.completions.turn import TurnPipeline
from fastback.completions.turn_request import parse_turn_request
from fastback.kit.http import Router
from fastback.providers.request_context import build_request_context

router = Router("/api", takes_content=True)


@router.post("/chat/completions", "/v1/chat/completions")
async def create_chat_completion(
    data: dict[str, Any], request: Request, user: VerifiedUser, page_turns: PageTurns, pipeline: TurnPipeline
) -> Any:
    """Start the turns of a page, which names its socket session and a chat; or answer an API client."""
    ctx = build_request_context(request, user)
    if data.get("session_id") and (data.get("chat_id") or "parent_id" in data):
        return await page_turns.start(parse_turn_request(data, str(uuid.uuid4())), ctx)
    return await relay_completion(pipeline, data, ctx, request)
