"""The rounds of an answer: the model calls tools or writes code, they run, and the model goes on with their results.

Calls of one round run one after the other, as they may depend on each other; tools that say so run beside the others.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_messages import convert_output
from fastback.completions.model_messages import find_reasoning_field
from fastback.completions.stages.image_inlining import ImageInliningStage
from fastback.completions.tools import tool_calls, tool_search
from fastback.completions.tools.approval import ToolApproval, asks_for_approval
from fastback.completions.tools.builtin.question_tools import parse_questions
from fastback.completions.tools.call_execution import CallExecutor, ExecutedCall, PendingCall
from fastback.completions.tools.code_rounds import CodeRounds
from fastback.completions.tools.offered_tool import ToolError
from fastback.completions.turn import Turn

Json = dict[str, Any]

_NOT_ALONE = "Error: ask_user must be the only tool call, so it did not run. Call ask_user on its own."


class ToolLoop:
    """Run the tool calls of answers. One loop serves all turns."""

    def __init__(
        self,
        *,
        executor: CallExecutor,
        approval: ToolApproval,
        code: CodeRounds,
        images: ImageInliningStage,
        max_rounds: int | None,
    ) -> None:
        """`max_rounds`: how often the model is asked again in one answer; None for no limit."""
        self._executor = executor
        self._approval = approval
        self._code = code
        self._images = images
        self._max_rounds = max_rounds

    async def run_round(self, turn: Turn) -> bool:
        """Run what the answer's last round calls for; return whether the model goes on with the results."""
        answer = turn.answer
        if answer is None or not turn.sink.runs_tools or not turn.is_streamed:
            return False
        limit = min((limit for limit in (self._max_rounds, turn.max_tool_rounds) if limit is not None), default=None)
        if limit is not None and turn.tool_rounds >= limit:
            if answer.list_round_calls():
                await turn.sink.show_error(f"Tool-call limit reached ({limit} iterations).")
            return False
        calls = self._list_calls(turn, answer)
        if not calls and not await self._code.run_round(turn, answer):
            return False
        turn.tool_rounds += 1
        if calls and not await self._run_tools(turn, answer, calls):
            return False
        await self._prepare_next_round(turn, answer)
        return True

    async def _run_tools(self, turn: Turn, answer: AnswerBuilder, calls: list[PendingCall]) -> bool:
        """Run the calls of a round; return False where the turn waits for the user instead."""
        if self._must_wait(turn, answer, calls):
            await self._approval.pause(turn)
            return False
        for call in calls:
            answer.set_call({**call.item, "status": "in_progress"})
        answer.announce_round()
        await turn.sink.show_round(turn)
        for executed in await self._run_calls(turn, calls):
            answer.set_call(executed.build_call_item())
            answer.add_result(await self._executor.build_result_item(turn, executed))
            await self._executor.show_sources(turn, executed)
        answer.announce_round()
        await turn.sink.show_round(turn)
        return True

    def _list_calls(self, turn: Turn, answer: AnswerBuilder) -> list[PendingCall]:
        """Return the calls of the round; one with the arguments of several becomes several."""
        written = answer.list_round_calls()
        items = tool_calls.split_calls(written)
        for call_id in {item["call_id"] for item in written} - {item["call_id"] for item in items}:
            answer.remove_call(call_id)
        calls: list[PendingCall] = []
        for item in items:
            try:
                resolved = tool_search.resolve_call(item, turn.tools)
            except ToolError as error:
                calls.append(PendingCall(item, None, f"Error: {error}"))
            else:
                calls.append(PendingCall(resolved, turn.tools.get(str(resolved["name"]))))
        return calls

    def _must_wait(self, turn: Turn, answer: AnswerBuilder, calls: list[PendingCall]) -> bool:
        """Return whether the round waits for the user. Invalid questions get their errors, in place."""
        questions = [call for call in calls if call.is_question]
        for call in questions:
            if len(calls) > 1:
                call.error = _NOT_ALONE
                continue
            try:
                form = parse_questions(str(call.item["arguments"]))
            except ToolError as error:
                call.error = f"Error: {error}"
                continue
            if turn.is_stored:
                answer.set_call({**call.item, "arguments": tool_calls.encode_arguments(form)})
                return True
        has_runnable_call = any(call.error is None for call in calls)
        if not (turn.is_stored and asks_for_approval(turn) and has_runnable_call):
            return False
        for call in calls:
            answer.set_call(call.item)
        return True

    async def _run_calls(self, turn: Turn, calls: list[PendingCall]) -> list[ExecutedCall]:
        """Run the calls, and return the results in the order of the calls."""
        results: dict[str, ExecutedCall] = {}
        parallel = [call for call in calls if call.tool is not None and call.tool.runs_in_parallel]
        for call in calls:
            if call not in parallel:
                results[call.call_id] = await self._executor.run_call(turn, call)
        for executed in await asyncio.gather(*(self._executor.run_call(turn, call) for call in parallel)):
            results[executed.call.call_id] = executed
        return [results[call.call_id] for call in calls]

    async def _prepare_next_round(self, turn: Turn, answer: AnswerBuilder) -> None:
        """Put what the answer holds so far behind the conversation."""
        if turn.conversation is None:
            turn.conversation = turn.messages
        answer_messages = convert_output(answer.build_own_output(), find_reasoning_field(turn.server_model))
        turn.messages = [*turn.conversation, *answer_messages]
        await self._images.run(turn)
        answer.begin_round()
