"""Execute one call of a tool, and build the items that the answer keeps of it."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.completions.answer_items import create_item_id
from fastback.completions.tools import tool_calls
from fastback.completions.tools.approval import NOT_APPROVED, ToolApproval, asks_for_approval
from fastback.completions.tools.builtin.question_tools import ASK_USER
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext, ToolError
from fastback.completions.tools.result_content import ToolContent, build_content
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.turn import Turn

log = logging.getLogger("fastback.completions")

Json = dict[str, Any]


class PendingCall(msgspec.Struct):
    """A call that has not run: its item in the answer, and the tool that it calls; None where none is offered.

    `error` says why it does not run; the text is for the model.
    """

    item: Json
    tool: OfferedTool | None
    error: str | None = None

    @property
    def call_id(self) -> str:
        return str(self.item["call_id"])

    @property
    def name(self) -> str:
        return str(self.item["name"])

    @property
    def is_question(self) -> bool:
        """Whether it asks the user."""
        return self.name == ASK_USER and self.tool is not None and self.tool.kind == "builtin"


class ExecutedCall(msgspec.Struct):
    """A call that has run: the arguments as parsed, the text for the model, and what goes beside it."""

    call: PendingCall
    content: ToolContent
    arguments: Json | None = None

    @property
    def status(self) -> str:
        return "failed" if self.content.is_failure else "completed"

    def build_call_item(self) -> Json:
        """Return the item of the call as it is after its execution."""
        item = {**self.call.item, "status": self.status}
        if self.arguments is not None:
            item["arguments"] = msgspec.json.encode(self.arguments).decode()
        return item


class CallExecutor:
    """Execute calls. Whatever goes wrong becomes a result from which the model learns."""

    def __init__(self, *, files: ResultFiles, approval: ToolApproval) -> None:
        self._files = files
        self._approval = approval

    async def run_call(self, turn: Turn, call: PendingCall) -> ExecutedCall:
        """Execute one call."""
        if call.error is not None:
            return ExecutedCall(call, ToolContent(call.error))
        try:
            arguments = await tool_calls.parse_arguments(call.name, str(call.item["arguments"]))
        except tool_calls.InvalidArguments as error:
            return ExecutedCall(call, ToolContent(str(error)))
        if call.tool is None:
            return ExecutedCall(call, ToolContent(tool_calls.describe_unknown(call.name)), arguments)
        selected = call.tool.select_arguments(arguments)
        asks_now = asks_for_approval(turn) and not turn.is_stored and not call.is_question
        if asks_now and not await self._approval.is_approved_live(turn, call.item, selected):
            return ExecutedCall(call, ToolContent(NOT_APPROVED), arguments)
        result = await self._run_tool(call.tool, selected, ToolCallContext(turn, call.call_id, turn.messages))
        if result.value is None:
            return ExecutedCall(call, ToolContent(tool_calls.describe_malformed(call.name)), arguments)
        content = await build_content(call.name, result)
        for event in call.tool.list_page_events(selected, content.text):
            await turn.sink.emit(event["type"], event["data"])
        return ExecutedCall(call, content, arguments)

    @staticmethod
    async def _run_tool(tool: OfferedTool, arguments: Json, context: ToolCallContext) -> RawResult:
        try:
            return await tool.run(arguments, context)
        except ToolError as error:
            return RawResult({"error": str(error)})
        except Exception as error:
            log.exception("tool %s of %s failed", tool.name, tool.tool_id)
            return RawResult({"error": str(error) or type(error).__name__})

    async def build_result_item(self, turn: Turn, executed: ExecutedCall) -> Json:
        """Return the item of a result; images in it are stored as files, which only the model is shown."""
        content = executed.content
        parts: list[Json] = [{"type": "input_text", "text": content.text}]
        shown_files: list[Json] = []
        for file in content.files:
            url = file.get("url")
            if file.get("type") == "image" and isinstance(url, str) and url.startswith("data:"):
                parts.append({"type": "input_image", "image_url": await self._files.store_image(turn, url)})
                continue
            shown_files.append(file)
            if file.get("type") == "image" and url:
                parts.append({"type": "input_image", "image_url": url})
        item: Json = {
            "type": "function_call_output",
            "id": create_item_id("fco"),
            "call_id": executed.call.call_id,
            "output": parts,
            "status": executed.status,
        }
        if shown_files:
            item["files"] = shown_files
        if content.embeds:
            item["embeds"] = content.embeds
        return item

    async def show_sources(self, turn: Turn, executed: ExecutedCall) -> None:
        """Show the sources of a result below the answer, and store them; some models' settings leave them out."""
        tool = executed.call.tool
        capabilities = (turn.model.entry_info.get("meta") or {}).get("capabilities") or {}
        if tool is None or executed.arguments is None or capabilities.get("citations", True) is False:
            return
        for source in tool.list_sources(executed.arguments, executed.content.text):
            await turn.sink.emit("source", source)
            await turn.sink.store_event({"type": "source", "data": source})
