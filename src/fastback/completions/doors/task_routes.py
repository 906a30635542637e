"""`/api/tasks`: the turns that run, listed and stopped."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.completions.page_turns import PageTurns
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import TEMPORARY
from fastback.kit.http import NotFound, Router
from fastback.kit.tasks import Tasks

router = Router("/api/tasks")


@router.get("")
async def list_tasks(user: AdminUser, tasks: Tasks) -> dict[str, list[str]]:
    """List every running task."""
    return {"tasks": tasks.list_ids()}


async def _may_stop_tasks(chat_id: str, user: User, chat_access: ChatAccess, page_turns: PageTurns) -> bool:
    """Return whether a user may list and stop tasks of a chat; a temporary chat belongs to the socket in its id."""
    for prefix in TEMPORARY:
        if chat_id.startswith(prefix):
            return await page_turns.is_socket_of(chat_id.removeprefix(prefix), user)
    return await chat_access.is_allowed(chat_id, user, "write")


@router.get("/chat/{chat_id:path}")
async def list_chat_tasks(
    chat_id: str, user: VerifiedUser, chat_access: ChatAccess, page_turns: PageTurns
) -> dict[str, list[str]]:
    """List the user's own tasks in a chat."""
    if not await _may_stop_tasks(chat_id, user, chat_access, page_turns):
        return {"task_ids": []}
    return {"task_ids": page_turns.list_task_ids(chat_id, user)}


@router.post("/chat/{chat_id:path}/stop")
async def stop_chat_tasks(
    chat_id: str, user: VerifiedUser, tasks: Tasks, chat_access: ChatAccess, page_turns: PageTurns
) -> dict[str, Any]:
    """Stop the user's own tasks in a chat. Where none runs, finish answers that a stopped process left unfinished."""
    if not await _may_stop_tasks(chat_id, user, chat_access, page_turns):
        raise NotFound(messages.NOT_FOUND)
    task_ids = page_turns.list_task_ids(chat_id, user)
    for task_id in task_ids:
        await tasks.stop(task_id)
    if chat_id.startswith(TEMPORARY):
        text = f"All tasks for item {chat_id} stopped." if task_ids else f"No tasks found for item {chat_id}."
        return {"status": True, "message": text}
    if task_ids:
        return {"status": True, "message": _format_stopped(task_ids[-1])}
    if await page_turns.finish_left_over_answers(chat_id, user):
        return {"status": True, "message": "Finalized pending approval message."}
    return {"status": True, "message": "No tasks found."}


def _format_stopped(task_id: str) -> str:
    return f"Task {task_id} successfully stopped."


@router.post("/stop/{task_id}")
async def stop_task(task_id: str, user: AdminUser, tasks: Tasks) -> dict[str, Any]:
    """Stop any task."""
    if not await tasks.stop(task_id):
        return {"status": False, "message": f"Task with ID {task_id} not found."}
    return {"status": True, "message": _format_stopped(task_id)}
