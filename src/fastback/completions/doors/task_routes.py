"""The answers under way: listing them, stopping them."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.completions.service import Completions
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import TEMPORARY
from fastback.kit.http import NotFound, Router
from fastback.kit.tasks import Tasks

router = Router("/api/tasks")

Answer = dict[str, Any]


@router.get("")
async def running(user: AdminUser, tasks: Tasks) -> dict[str, list[str]]:
    return {"tasks": tasks.list_ids()}


async def _may(chat_id: str, user: User, rights: ChatAccess, completions: Completions) -> bool:
    """Whether somebody may see and stop what runs in a chat; a temporary one belongs to the socket it is named for."""
    for prefix in TEMPORARY:
        if chat_id.startswith(prefix):
            return completions.owns_session(chat_id.removeprefix(prefix), user)
    return await rights.is_allowed(chat_id, user, "write")


@router.get("/chat/{chat_id:path}")
async def of_chat(
    chat_id: str, user: VerifiedUser, rights: ChatAccess, completions: Completions
) -> dict[str, list[str]]:
    """The user's own answers in a chat."""
    if not await _may(chat_id, user, rights, completions):
        return {"task_ids": []}
    return {"task_ids": completions.running(chat_id, user)}


@router.post("/chat/{chat_id:path}/stop")
async def stop_chat(
    chat_id: str, user: VerifiedUser, tasks: Tasks, rights: ChatAccess, completions: Completions
) -> Answer:
    if not await _may(chat_id, user, rights, completions):
        raise NotFound(messages.NOT_FOUND)
    ids = completions.running(chat_id, user)
    for task_id in ids:
        await tasks.stop(task_id)
    if chat_id.startswith(TEMPORARY):
        told = f"All tasks for item {chat_id} stopped." if ids else f"No tasks found for item {chat_id}."
        return {"status": True, "message": told}
    if ids:
        return {"status": True, "message": _stopped(ids[-1])}
    if await completions.finish_left_over(chat_id, user):
        return {"status": True, "message": "Finalized pending approval message."}
    return {"status": True, "message": "No tasks found."}


def _stopped(task_id: str) -> str:
    return f"Task {task_id} successfully stopped."


@router.post("/stop/{task_id}")
async def stop(task_id: str, user: AdminUser, tasks: Tasks) -> Answer:
    if not await tasks.stop(task_id):
        return {"status": False, "message": f"Task with ID {task_id} not found."}
    return {"status": True, "message": _stopped(task_id)}
