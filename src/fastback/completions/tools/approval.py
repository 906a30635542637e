"""Calls that wait for the user: for an approval, or for the answer to a question.

In a stored chat the turn ends there, and its message says what it waits for. The decision comes by
`POST …/messages/{id}/resolve`, which starts a turn that continues the answer: approved calls run first, one after the
other, and then the model goes on. In other chats the page is asked while the turn waits.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.builtin.question_tools import ASK_USER
from fastback.completions.turn import Turn
from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.tool_calls import create_continuation, list_open_calls
from fastback.kit.db import Database

Json = dict[str, Any]

NOT_APPROVED = "Error: tool call was not approved."
INTERRUPTED = "Error: tool execution was interrupted; its outcome is unknown."
#: Fields of the request that the turn needs again when it goes on.
_KEPT_FIELDS = ("tool_ids", "skill_ids", "filter_ids")


def asks_for_approval(turn: Turn) -> bool:
    """Return whether calls of tools wait for the user. Those of a subagent do not: its chat is not shown, and the user
    has approved the subagent itself.
    """
    return not turn.is_internal and turn.parameters.get("tool_approval_mode") == "ask"


class ToolApproval:
    """Pause turns at calls that wait, and find the calls that may run when they go on."""

    def __init__(self, *, db: Database, page_calls: PageCalls) -> None:
        self._db = db
        self._page_calls = page_calls

    async def is_approved_live(self, turn: Turn, item: Json, arguments: Json) -> bool:
        """Ask the page of a chat that is not stored whether a call may run; no answer is no."""
        call = {"id": item["call_id"], "name": item["name"], "arguments": arguments}
        event = {"type": "confirmation", "data": {"tool_call": call}}
        data = {"chat_id": turn.request.chat_id, "message_id": turn.message_id or None, "data": event}
        return await self._page_calls.call(turn.request.session_id, turn.user.id, data) is True

    async def pause(self, turn: Turn) -> None:
        """End the turn where it is: the first call waits for the user, the others for their turn."""
        answer = turn.answer
        assert answer is not None
        statuses = ["pending", "queued"]
        for call in list_open_calls(answer.build_output(), with_completed=True):
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            answer.set_call({**call, "status": status})
        turn.is_paused = True
        await turn.sink.pause(turn, build_resumed_meta(turn))

    # -- going on --------------------------------------------------------------------------------------------------

    async def take_approved_call(self, turn: Turn) -> Json | None:
        """Mark the next approved call of the answer as running, and return its item; None where none may run."""
        approved_calls: list[Json] = []
        approves_all = turn.parameters.get("tool_approval_mode") == "full"

        def edit(document: Document) -> Message | None:
            message = document.find_message(turn.message_id) or {}
            open_calls = list_open_calls(_list_output(message))
            if any(call.get("status") == "in_progress" for call in open_calls):
                return None  # another turn executes the calls of this answer
            call = next(
                (
                    call
                    for call in open_calls
                    if call.get("name") != ASK_USER and (call.get("approved") is True or approves_all)
                ),
                None,
            )
            if call is None:
                if open_calls:
                    open_calls[0]["status"] = "pending"
            else:
                call["call_id"] = call.get("call_id") or call.get("id")
                call["status"] = "in_progress"
                approved_calls.append(dict(call))
            message["done"] = False
            document.put_message(turn.message_id, message)
            return message

        await turn_store.edit_message(self._db, turn.request.chat_id, turn.message_id, edit, touch=False)
        return approved_calls[0] if approved_calls else None

    async def store_result(self, turn: Turn, call: Json, result: Json) -> list[Json]:
        """Store the result of a call in the answer, and return the items of the answer."""
        output: list[Json] = []

        def edit(document: Document) -> Message:
            message = document.find_message(turn.message_id) or {}
            items = _list_output(message)
            for item in items:
                if item.get("type") == "function_call" and item.get("call_id") == call["call_id"]:
                    item.update(call)
            items.append(result)
            open_calls = list_open_calls(items)
            if result.get("status") == "incomplete":
                message["done"] = True
            elif not open_calls:
                items.append(create_continuation())
            elif (waiting := next((item for item in open_calls if not item.get("approved")), None)) is not None:
                waiting["status"] = "pending"
            message["output"] = items
            output.extend(items)
            document.put_message(turn.message_id, message)
            return message

        await turn_store.edit_message(self._db, turn.request.chat_id, turn.message_id, edit, touch=False)
        return output

    async def store_interruption(self, turn: Turn, call: Json) -> None:
        """Store that a call was interrupted: it may have had its effect."""
        result = {
            "type": "function_call_output",
            "id": f"fco_{uuid.uuid4().hex[:24]}",
            "call_id": call["call_id"],
            "status": "incomplete",
            "output": [{"type": "input_text", "text": INTERRUPTED}],
        }
        await asyncio.shield(self.store_result(turn, {**call, "status": "incomplete"}, result))


def build_resumed_meta(turn: Turn) -> Json:
    """Return what the message keeps of the request, so that the turn can go on later."""
    request, body = turn.request, turn.request.body
    return {
        "session_id": request.session_id,
        **{name: body.get(name) or [] for name in _KEPT_FIELDS},
        "terminal_id": body.get("terminal_id"),
        "tool_servers": body.get("tool_servers"),
        "features": request.features,
        "variables": request.variables,
        "files": request.files or [],
        "params": {
            **request.params,
            "tool_approval_mode": turn.parameters.get("tool_approval_mode") or "full",
            "function_calling": turn.parameters.get("function_calling") or "native",
        },
    }


def _list_output(message: Message) -> list[Json]:
    output = message.get("output")
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
