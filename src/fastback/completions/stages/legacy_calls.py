"""Legacy calls: for models that call no functions themselves, the model for tasks chooses the calls beforehand.

The results go before the question, like passages of files.
"""

from __future__ import annotations

import json
from typing import Any

from fastback.completions.answer_items import create_item_id
from fastback.completions.sources.passages import Source
from fastback.completions.stages.offered_tools import OfferedToolsStage
from fastback.completions.tasks.generations import Generations
from fastback.completions.tasks.requests import find_template, parse_json_object
from fastback.completions.tools.builtin.conditions import is_legacy
from fastback.completions.tools.call_execution import CallExecutor, ExecutedCall, PendingCall
from fastback.completions.turn import Message, Turn
from fastback.config import Config
from fastback.features.prompts import system_messages

Json = dict[str, Any]

TASK = "function_calling"
#: Messages before the question that the model for tasks is shown, and calls of it that run.
_HISTORY_LENGTH, _MAX_CALLS = 4, 20


class LegacyCallsStage:
    """Ask for the calls that help to answer the question, run them, and keep their results as sources."""

    name = "legacy_calls"

    def __init__(
        self, *, config: Config, offered_tools: OfferedToolsStage, executor: CallExecutor, generations: Generations
    ) -> None:
        self._config = config
        self._offered_tools = offered_tools
        self._executor = executor
        self._generations = generations

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded or not is_legacy(turn):
            return
        await self._offered_tools.collect_tools(turn)
        if not turn.tools:
            return
        for call in await self._choose_calls(turn):
            executed = await self._executor.run_call(turn, call)
            await self._show_files(turn, executed)
            if executed.content.text:
                turn.tool_sources.append(_build_source(executed))
            if call.tool is not None and call.tool.handles_files:
                turn.request.files = None

    async def _choose_calls(self, turn: Turn) -> list[PendingCall]:
        """Return the calls that the model for tasks chooses; unknown tools are left out."""
        specs = json.dumps([tool.spec for tool in turn.tools.values()], ensure_ascii=False)
        system = find_template(TASK, self._config).replace("{{TOOLS}}", specs)
        messages = [
            {"role": "system", "content": system},
            {"role": "user", "content": _build_prompt(turn.messages, turn.question)},
        ]
        reply = parse_json_object(await self._generations.ask(TASK, messages, turn.model.id, turn.ctx))
        entries = reply.get("tool_calls") or [reply]
        calls: list[PendingCall] = []
        for choice in entries[:_MAX_CALLS] if isinstance(entries, list) else []:
            name = choice.get("name") if isinstance(choice, dict) else None
            if isinstance(name, str) and name in turn.tools:
                arguments = json.dumps(choice.get("parameters") or {})
                item = {"call_id": create_item_id("call"), "name": name, "arguments": arguments}
                calls.append(PendingCall(item, turn.tools[name]))
        return calls

    async def _show_files(self, turn: Turn, executed: ExecutedCall) -> None:
        """Show files and embeds of a result with the answer."""
        content = executed.content
        if content.files:
            result = await self._executor.build_result_item(turn, executed)
            images = [
                {"type": "image", "url": part["image_url"]}
                for part in result["output"]
                if part["type"] == "input_image"
            ]
            others = [file for file in content.files if file.get("type") != "image"]
            await _show_event(turn, {"type": "files", "data": {"files": [*others, *images]}})
        if content.embeds:
            await _show_event(turn, {"type": "embeds", "data": {"embeds": content.embeds}})


async def _show_event(turn: Turn, event: Json) -> None:
    await turn.sink.emit(event["type"], event["data"])
    await turn.sink.store_event(event)


def _build_prompt(messages: list[Message], question: str) -> str:
    """Return the question with the messages before it."""
    earlier = messages[:-1] if messages and messages[-1].get("role") == "user" else messages
    lines = [
        f'{str(message.get("role")).upper()}: """{system_messages.get_text(message)}"""'
        for message in earlier[-_HISTORY_LENGTH:]
    ]
    history = "\n".join(lines)
    return f"History:\n{history}\nQuery: {question}" if history else f"Query: {question}"


def _build_source(executed: ExecutedCall) -> Source:
    """Return a result as the page shows it below the answer."""
    call = executed.call
    name = f"{call.tool.tool_id}/{call.name}" if call.tool is not None and call.tool.tool_id else call.name
    return Source(
        source={"name": name},
        document=[executed.content.text],
        metadata=[{"source": name, "parameters": executed.arguments or {}}],
        tool_result=True,
    )
