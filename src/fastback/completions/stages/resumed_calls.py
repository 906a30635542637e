"""Resumed calls: a turn that goes on after a decision runs the approved calls of its answer first."""

from __future__ import annotations

from typing import Any

from fastback.completions.answer_messages import convert_output
from fastback.completions.model_messages import find_reasoning_field
from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.tools.approval import ToolApproval
from fastback.completions.tools.call_execution import CallExecutor, PendingCall
from fastback.completions.turn import Turn
from fastback.features.chats.messages.tool_calls import list_open_calls

Json = dict[str, Any]


class ResumedCallsStage:
    """Run the approved calls of the answer that is continued; the turn pauses again while others wait."""

    name = "resumed_calls"

    def __init__(self, *, executor: CallExecutor, approval: ToolApproval, chain: FilterChain) -> None:
        self._executor = executor
        self._approval = approval
        self._chain = chain

    async def run(self, turn: Turn) -> None:
        if not turn.has_open_calls:
            return
        if self._chain.list_with_hook(turn, "request"):  # filters may refuse before a tool has its effect
            await self._chain.run_hook(turn, "request", {**turn.payload, "messages": turn.messages})
        while (item := await self._approval.take_approved_call(turn)) is not None:
            turn.previous_output = await self._run_call(turn, item)
            await turn.sink.emit("chat:completion", {"done": False, "output": turn.previous_output})
        if list_open_calls(turn.previous_output):
            turn.is_paused = True
            await turn.sink.pause(turn, None)
            return
        answer_messages = convert_output(turn.previous_output, find_reasoning_field(turn.server_model))
        turn.messages = [*turn.messages, *answer_messages]

    async def _run_call(self, turn: Turn, item: Json) -> list[Json]:
        """Run a call and store its result; return the items of the answer."""
        try:
            executed = await self._executor.run_call(turn, PendingCall(item, turn.tools.get(str(item.get("name")))))
            result = await self._executor.build_result_item(turn, executed)
            await self._executor.show_sources(turn, executed)
        except BaseException:
            await self._approval.store_interruption(turn, item)
            raise
        return await self._approval.store_result(turn, executed.build_call_item(), result)
