"""Rounds of code: what a model without functions writes between tags runs, and the model goes on with its output."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_items import GrowingCode
from fastback.completions.tools.code_runner import CodeOutput, CodeRunner
from fastback.completions.tools.offered_tool import ToolError
from fastback.completions.turn import Turn
from fastback.kit.sliced_json import is_large_value
from fastback.kit.value_texts import convert_value, cut_text, run_steps_between_others

log = logging.getLogger("fastback.completions")

#: How often code runs in one answer.
MAX_CODE_ROUNDS = 5


class CodeRounds:
    """Run the code of answers. One object serves all turns."""

    def __init__(self, runner: CodeRunner) -> None:
        self._runner = runner

    async def run_round(self, turn: Turn, answer: AnswerBuilder) -> bool:
        """Run the code that the answer ends with; return whether there was any."""
        code = answer.find_code()
        if code is None or turn.code_rounds >= MAX_CODE_ROUNDS:
            return False
        turn.code_rounds += 1
        answer.end_code(code, await self._run(turn, code))
        answer.announce_round()
        await turn.sink.show_round(turn)
        return True

    async def _run(self, turn: Turn, code: GrowingCode) -> dict[str, object]:
        """Return the output of code as the answer keeps it."""
        try:
            output = await self._runner.run(code.text(), turn)
        except ToolError as error:
            output = CodeOutput(stderr=str(error))
        except Exception as error:
            log.exception("running the code of message %s failed", turn.message_id)
            output = CodeOutput(stderr=str(error) or type(error).__name__)
        return {name: await _fit(value) for name, value in msgspec.structs.asdict(output).items()}


async def _fit(value: Any) -> Any:
    """Return a part of an output, cut where it is very large."""
    if isinstance(value, str):
        return cut_text(value)
    return await run_steps_between_others(convert_value(value, [])) if is_large_value(value) else value
