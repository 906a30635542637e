"""Messages of a chat one by one, and compacting what they fill."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions.compaction import TASK, Compactor
from fastback.completions.service import Completions
from fastback.features.chats import schemas, store
from fastback.features.chats.messages import events, tool_calls, turn_store
from fastback.features.chats.service import Chats
from fastback.features.chats.store import ChatPage
from fastback.kit.http import BadRequest, Conflict, NotFound, Router, Unauthorized
from fastback.providers.request_context import asking_of

router = Router("/api/v1/chats")

#: Bytes that what was said aloud of a message may take.
LARGEST_VOICE = 100_000


@router.post("/{chat_id}/messages/{message_id}")
async def update(
    chat_id: str, message_id: str, data: schemas.MessageForm, user: VerifiedUser, chats: Chats
) -> ChatPage:
    head = await chats.changeable(chat_id, user)
    patch: dict[str, Any] = {}
    if data.content is not None:
        patch["content"] = data.content
    if data.voice is not None:
        if len(msgspec.json.encode(data.voice)) > LARGEST_VOICE:
            raise BadRequest("Voice metadata is too large")
        if not await turn_store.message(chats.db, chat_id, message_id):
            raise NotFound(messages.NOT_FOUND)
        patch["meta"] = {"voice": data.voice}
    if not patch:
        raise BadRequest("No message changes supplied")
    await chats.save_message(chat_id, message_id, patch, user)
    said = {"content": data.content} if data.content is not None else {"voice": data.voice}
    kind = "chat:message" if data.content is not None else "chat:message:voice"
    event = {"type": kind, "data": {"chat_id": chat_id, "message_id": message_id, **said}}
    await events.tell(chats.bus, head.user_id, chat_id, message_id, event)
    return await chats.again(chat_id)


@router.delete("/{chat_id}/messages/{message_id}")
async def delete(chat_id: str, message_id: str, user: VerifiedUser, chats: Chats) -> ChatPage:
    await chats.changeable(chat_id, user)
    await chats.remove_message(chat_id, message_id, user)
    return await chats.again(chat_id)


@router.post("/{chat_id}/messages/{message_id}/event")
async def event(chat_id: str, message_id: str, data: schemas.EventForm, user: VerifiedUser, chats: Chats) -> bool:
    """Tell pages, and keep, what a program says about a message; False where its data make no sense."""
    head = await chats.changeable(chat_id, user)
    said = {"type": data.type, "data": data.data}
    await events.tell(chats.bus, head.user_id, chat_id, message_id, said)
    try:
        await events.keep(chats.db, chat_id, message_id, said)
    except TypeError:
        return False
    await chats.written(chat_id, head.user_id)
    return True


@router.post("/{chat_id}/messages/{message_id}/resolve")
async def resolve(
    request: Request,
    chat_id: str,
    message_id: str,
    data: schemas.ResolveForm,
    user: VerifiedUser,
    chats: Chats,
    completions: Completions,
) -> dict[str, Any]:
    """Decide on a tool call that waits; once none does, the model goes on."""
    head = await store.head(chats.db, chat_id) if await chats.rights.may(chat_id, user, "write") else None
    if head is None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    resolved = await tool_calls.resolve(chats.db, chat_id, message_id, head.user_id, user, data)
    shown = {"type": "chat:completion", "data": {"output": resolved.output}}
    await events.tell(chats.bus, user.id, chat_id, message_id, shown)
    answer: dict[str, Any] = {"status": True, "chat_id": chat_id, "message_id": message_id}
    if not resolved.goes_on:
        return {**answer, "task_ids": []}
    turn = completions.read(await tool_calls.continuation(chats.db, chat_id, message_id, user))
    started = await completions.start(turn, asking_of(request, user))
    return {**answer, **msgspec.structs.asdict(started)}


@router.post("/{chat_id}/compact")
async def compact(
    request: Request,
    chat_id: str,
    user: VerifiedUser,
    chats: Chats,
    compactor: Compactor,
    data: schemas.CompactForm | None = None,
) -> dict[str, Any]:
    """Let a summary stand for all of the current branch but its last message."""
    chat = await store.owned(chats.db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.NOT_FOUND)
    if chats.tasks.of(chat_id):
        raise Conflict("Wait for the current response to finish before compacting.")
    asking = asking_of(request, user, chat_id=chat_id, task=TASK)
    return await compactor.compact(chat, asking, user, data.model if data else None)
