"""Operations on a stored chat that ask a model: going on after a tool call was decided, compacting."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions.compaction import TASK, Compactor
from fastback.completions.service import Completions
from fastback.features.chats import schemas, store
from fastback.features.chats.messages import socket_messages, tool_calls
from fastback.features.chats.service import ChatService
from fastback.kit.http import Conflict, Router, Unauthorized
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/chats")


@router.post("/{chat_id}/messages/{message_id}/resolve")
async def resolve(
    request: Request,
    chat_id: str,
    message_id: str,
    data: schemas.ResolveForm,
    user: VerifiedUser,
    chats: ChatService,
    completions: Completions,
) -> dict[str, Any]:
    """Decide on a tool call that waits; once none does, the model goes on."""
    head = await store.find_head(chats.db, chat_id) if await chats.access.is_allowed(chat_id, user, "write") else None
    if head is None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    resolved = await tool_calls.resolve_tool_call(chats.db, chat_id, message_id, head.user_id, user, data)
    shown = {"type": "chat:completion", "data": {"output": resolved.output}}
    await socket_messages.send_socket_message(chats.bus, user.id, chat_id, message_id, shown)
    answer: dict[str, Any] = {"status": True, "chat_id": chat_id, "message_id": message_id}
    if not resolved.continues:
        return {**answer, "task_ids": []}
    turn = completions.read(await tool_calls.build_continuation(chats.db, chat_id, message_id, user))
    started = await completions.start(turn, build_request_context(request, user))
    return {**answer, **msgspec.structs.asdict(started)}


@router.post("/{chat_id}/compact")
async def compact(
    request: Request,
    chat_id: str,
    user: VerifiedUser,
    chats: ChatService,
    compactor: Compactor,
    data: schemas.CompactForm | None = None,
) -> dict[str, Any]:
    """Let a summary stand for all of the current branch but its last message."""
    chat = await store.find_owned_chat(chats.db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.NOT_FOUND)
    if chats.tasks.list_group_ids(chat_id):
        raise Conflict("Wait for the current response to finish before compacting.")
    ctx = build_request_context(request, user, chat_id=chat_id, task=TASK)
    return await compactor.compact(chat, ctx, user, data.model if data else None)
