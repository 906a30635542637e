"""Chat completions over HTTP, for the page and for API clients."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request

from fastback.access.guards import VerifiedUser
from fastback.completions.channels.turns import ChannelTurns
from fastback.completions.doors.relayed_completion import relay_completion
from fastback.completions.page_turns import PageTurns
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.completions.turn_request import parse_turn_request
from fastback.features.chats.chat_ids import is_channel, is_temporary
from fastback.kit.http import Router
from fastback.providers.request_context import build_request_context

router = Router("/api", takes_content=True)


@router.post("/chat/completions", "/v1/chat/completions")
async def create_chat_completion(
    data: dict[str, Any],
    request: Request,
    user: VerifiedUser,
    page_turns: PageTurns,
    channel_turns: ChannelTurns,
    pipeline: TurnPipeline,
) -> Any:
    """Start the turns of a page, which names its socket session and a chat; or answer an API client.

    The answer to an API client that names a chat is stored there, too, with its question (`user_message`) and the id
    that the client chose for it (`id`). A new chat (`parent_id` is null) is named in the header `X-Chat-Id`.
    """
    ctx = build_request_context(request, user)
    if data.get("session_id"):
        if data.get("chat_id") or "parent_id" in data:
            turn_request = parse_turn_request(data, str(uuid.uuid4()))
            if is_channel(turn_request.chat_id):
                return await channel_turns.start_request(turn_request, ctx)
            return await page_turns.start(turn_request, ctx)
    elif data.get("chat_id") or data.get("parent_id", "") is None:
        turn_request = parse_turn_request(data, str(uuid.uuid4()))
        if turn_request.chat_id and not is_temporary(turn_request.chat_id):
            return await page_turns.start_relayed(turn_request, ctx)
    return await relay_completion(pipeline, data, ctx, request)
