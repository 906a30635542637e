"""The rounds of an answer: the model calls tools, they run, and the model goes on with their results.

Calls of one round run one after the other, as they may depend on each other; tools that say so run beside the others.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_messages import convert_output
from fastback.completions.model_messages import find_reasoning_field
from fastback.completions.stages.image_inlining import ImageInliningStage
from fastback.completions.tools import tool_calls
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext, ToolError
from fastback.completions.tools.result_content import ToolContent, build_content
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.turn import Turn

log = logging.getLogger("fastback.completions")

Json = dict[str, Any]


class PendingCall(msgspec.Struct):
    """A call of the round: its item in the answer, and the tool that it calls; None where none is offered."""

    item: Json
    tool: OfferedTool | None

    @property
    def call_id(self) -> str:
        return str(self.item["call_id"])

    @property
    def name(self) -> str:
        return str(self.item["name"])


class ExecutedCall(msgspec.Struct):
    """A call that has run: the arguments as parsed, the text for the model, and what goes beside it."""

    call: PendingCall
    content: ToolContent
    arguments: Json | None = None


class ToolLoop:
    """Execute the tool calls of answers. One loop serves all turns."""

    def __init__(self, *, files: ResultFiles, images: ImageInliningStage, max_rounds: int | None) -> None:
        """`max_rounds`: how often the model is asked again in one answer; None for no limit."""
        self._files = files
        self._images = images
        self._max_rounds = max_rounds

    async def run_round(self, turn: Turn) -> bool:
        """Execute the calls of the answer's last round; return whether the model goes on with their results."""
        answer = turn.answer
        if answer is None or not turn.sink.runs_tools or not turn.is_streamed:
            return False
        if self._max_rounds is not None and turn.tool_rounds >= self._max_rounds:
            return False
        calls = self._list_calls(turn, answer)
        if not calls:
            return False
        turn.tool_rounds += 1
        for call in calls:
            answer.set_call({**call.item, "status": "in_progress"})
        answer.announce_round()
        await turn.sink.show_round(turn)
        for executed in await self._execute_calls(turn, calls):
            await self._add_result(turn, answer, executed)
        answer.announce_round()
        await turn.sink.show_round(turn)
        await self._prepare_next_round(turn, answer)
        return True

    def _list_calls(self, turn: Turn, answer: AnswerBuilder) -> list[PendingCall]:
        """Return the calls of the round; one with the arguments of several becomes several."""
        written = answer.list_round_calls()
        calls = tool_calls.split_calls(written)
        if len(calls) > len(written):
            split_ids = {item["call_id"] for item in written} - {item["call_id"] for item in calls}
            for call_id in split_ids:
                answer.remove_call(call_id)
        return [PendingCall(item, turn.tools.get(str(item["name"]))) for item in calls]

    # -- executing -------------------------------------------------------------------------------------------------

    async def _execute_calls(self, turn: Turn, calls: list[PendingCall]) -> list[ExecutedCall]:
        """Execute the calls, and return the results in the order of the calls."""
        results: dict[str, ExecutedCall] = {}
        parallel = [call for call in calls if call.tool is not None and call.tool.runs_in_parallel]
        for call in calls:
            if call not in parallel:
                results[call.call_id] = await self.run_call(turn, call)
        for executed in await asyncio.gather(*(self.run_call(turn, call) for call in parallel)):
            results[executed.call.call_id] = executed
        return [results[call.call_id] for call in calls]

    async def run_call(self, turn: Turn, call: PendingCall) -> ExecutedCall:
        """Execute one call. Whatever goes wrong becomes a result from which the model learns."""
        try:
            arguments = tool_calls.parse_arguments(call.name, str(call.item["arguments"]))
        except tool_calls.InvalidArguments as error:
            return ExecutedCall(call, ToolContent(str(error)))
        if call.tool is None:
            return ExecutedCall(call, ToolContent(tool_calls.describe_unknown(call.name)), arguments)
        arguments = call.tool.select_arguments(arguments)
        context = ToolCallContext(turn, call.call_id, turn.messages)
        try:
            result = await call.tool.run(arguments, context)
        except ToolError as error:
            result = RawResult({"error": str(error)})
        except Exception as error:
            log.exception("tool %s of %s failed", call.name, call.tool.tool_id)
            result = RawResult({"error": str(error) or type(error).__name__})
        if result.value is None:
            return ExecutedCall(call, ToolContent(tool_calls.describe_malformed(call.name)), arguments)
        return ExecutedCall(call, build_content(call.name, result), arguments)

    async def _add_result(self, turn: Turn, answer: AnswerBuilder, executed: ExecutedCall) -> None:
        """Add a result to the answer, and show its sources."""
        call, content = executed.call, executed.content
        parts: list[Json] = [{"type": "input_text", "text": content.text}]
        shown_files: list[Json] = []
        for file in content.files:
            url = file.get("url")
            is_data = isinstance(url, str) and url.startswith("data:")
            if file.get("type") == "image" and is_data:
                parts.append({"type": "input_image", "image_url": await self._files.store_image(turn, str(url))})
                continue
            shown_files.append(file)
            if file.get("type") == "image" and url:
                parts.append({"type": "input_image", "image_url": url})
        status = "failed" if content.is_failure else "completed"
        fields: Json = {"files": shown_files} if shown_files else {}
        if content.embeds:
            fields["embeds"] = content.embeds
        if executed.arguments is not None:
            call.item["arguments"] = msgspec.json.encode(executed.arguments).decode()
        answer.set_call({**call.item, "status": status})
        answer.add_result(call.call_id, parts, status, **fields)
        if call.tool is not None and executed.arguments is not None and _has_citations(turn):
            for source in call.tool.list_sources(executed.arguments, content.text):
                await turn.sink.emit("source", source)
                await turn.sink.store_event({"type": "source", "data": source})

    # -- the next round --------------------------------------------------------------------------------------------

    async def _prepare_next_round(self, turn: Turn, answer: AnswerBuilder) -> None:
        """Put what the answer holds so far behind the conversation."""
        if turn.conversation is None:
            turn.conversation = turn.messages
        answer_messages = convert_output(answer.build_own_output(), find_reasoning_field(turn.server_model))
        turn.messages = [*turn.conversation, *answer_messages]
        await self._images.run(turn)
        answer.begin_round()


def _has_citations(turn: Turn) -> bool:
    capabilities = (turn.model.entry_info.get("meta") or {}).get("capabilities") or {}
    return capabilities.get("citations", True) is not False
