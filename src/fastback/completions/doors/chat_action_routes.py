"""Operations on a stored chat that ask a model: deciding on a tool call and continuing, compacting."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions.compaction import TASK, Compactor
from fastback.completions.page_turns import PageTurns
from fastback.completions.turn_request import parse_turn_request
from fastback.features.chats import schemas, store
from fastback.features.chats.messages import socket_messages, tool_calls
from fastback.features.chats.service import ChatService
from fastback.kit.http import Conflict, Router, Unauthorized
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/chats", takes_content=True)


@router.post("/{chat_id}/messages/{message_id}/resolve")
async def resolve_tool_call(
    request: Request,
    chat_id: str,
    message_id: str,
    data: schemas.ResolveForm,
    user: VerifiedUser,
    chats: ChatService,
    page_turns: PageTurns,
) -> dict[str, Any]:
    """Approve or reject a tool call that waits for it. Once no call waits, the model continues its answer."""
    head = await store.find_head(chats.db, chat_id) if await chats.access.is_allowed(chat_id, user, "write") else None
    if head is None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    resolved = await tool_calls.resolve_tool_call(chats.db, chat_id, message_id, head.user_id, user, data)
    message = {"type": "chat:completion", "data": {"output": resolved.output}}
    await socket_messages.send_socket_message(chats.bus, user.id, chat_id, message_id, message)
    result: dict[str, Any] = {"status": True, "chat_id": chat_id, "message_id": message_id}
    if not resolved.continues:
        return {**result, "task_ids": []}
    body = await tool_calls.build_continuation(chats.db, chat_id, message_id, user)
    turn_request = parse_turn_request(body, str(uuid.uuid4()))
    started = await page_turns.start(turn_request, build_request_context(request, user))
    return {**result, **msgspec.structs.asdict(started)}


@router.post("/{chat_id}/compact")
async def compact_chat(
    request: Request,
    chat_id: str,
    user: VerifiedUser,
    chats: ChatService,
    compactor: Compactor,
    data: schemas.CompactForm | None = None,
) -> dict[str, Any]:
    """Replace the current branch of a chat, all but its last message, by a summary that models are shown instead."""
    chat = await store.find_owned_chat(chats.db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.NOT_FOUND)
    if chats.tasks.list_group_ids(chat_id):
        raise Conflict("Wait for the current response to finish before compacting.")
    ctx = build_request_context(request, user, chat_id=chat_id, task=TASK)
    return await compactor.compact_chat(chat, ctx, user, data.model if data else None)
