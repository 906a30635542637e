"""Tasks: a checklist of the chat that the page shows."""

from __future__ import annotations

from typing import Any

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, array, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.chats.messages import checklist_store
from fastback.kit.db import Database

Json = dict[str, Any]

STATUSES = ("pending", "in_progress", "completed", "cancelled")
_ITEM = {
    "type": "object",
    "properties": {
        "content": {"type": "string"},
        "status": {"type": "string", "enum": list(STATUSES)},
        "id": {"type": "string"},
    },
    "required": ["content"],
}


class TaskTools(BuiltinGroup):
    """`create_tasks` and `update_task`."""

    category = "tasks"
    has_fixed_tools = True

    def __init__(self, db: Database) -> None:
        self._db = db

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return turn.is_stored

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "create_tasks",
                "Create a checklist for work of several steps, so that the user sees its progress in the chat.",
                [array("tasks", "Steps; `status` and `id` may be left out", _ITEM)],
                self._create,
            ),
            BuiltinTool(
                "update_task",
                "Change the status of one step of the checklist.",
                [
                    text("id", "Id of the step"),
                    text("status", "New status: completed, in_progress, pending or cancelled", "completed"),
                ],
                self._update,
            ),
        ]

    async def _create(self, arguments: Arguments, context: ToolCallContext) -> Json:
        tasks: list[Json] = []
        for number, item in enumerate(arguments.array("tasks"), 1):
            fields = item if isinstance(item, dict) else {"content": item}
            content = str(fields.get("content") or "").strip()
            if content:
                status = str(fields.get("status") or "pending").strip().lower()
                task_id = str(fields.get("id") or "").strip() or str(number)
                status = status if status in STATUSES else "pending"
                tasks.append({"id": task_id, "content": content, "status": status})
        return await self._store(tasks, context.turn)

    async def _update(self, arguments: Arguments, context: ToolCallContext) -> Json:
        status, task_id = arguments.text("status").strip().lower(), arguments.text("id")
        if status not in STATUSES:
            raise ToolError(f"Invalid status: {status}. Must be one of: {', '.join(sorted(STATUSES))}")
        tasks = await checklist_store.list_items(self._db, context.turn.request.chat_id)
        task = next((task for task in tasks if task.get("id") == task_id), None)
        if task is None:
            raise ToolError(f'Task with id "{task_id}" not found')
        task["status"] = status
        return await self._store(tasks, context.turn)

    async def _store(self, tasks: list[Json], turn: Turn) -> Json:
        """Store the checklist, show it, and return it with its counts."""
        await checklist_store.set_items(self._db, turn.request.chat_id, tasks)
        await turn.sink.emit("chat:message:tasks", {"tasks": tasks})
        counts = {status: sum(task.get("status") == status for task in tasks) for status in STATUSES}
        return {"tasks": tasks, "summary": {"total": len(tasks), **counts}}
