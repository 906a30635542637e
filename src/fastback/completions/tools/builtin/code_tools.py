"""The code interpreter of models that call functions: Python runs in the page (Pyodide) or on a Jupyter server."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.code_runner import CodeRunner
from fastback.completions.tools.offered_tool import ToolCallContext
from fastback.completions.turn import Turn

Json = dict[str, Any]


class CodeTools(BuiltinGroup):
    """`execute_code`."""

    category = "code_interpreter"
    has_fixed_tools = True

    def __init__(self, runner: CodeRunner) -> None:
        self._runner = runner

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return await self._runner.may_run(conditions)

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "execute_code",
                "Run Python code in a sandbox, and return what it prints: for calculations, the analysis of data, "
                "charts, and whatever else code helps with.",
                [text("code", "The Python code")],
                self._execute,
            )
        ]

    async def _execute(self, arguments: Arguments, context: ToolCallContext) -> Json:
        output = await self._runner.run(arguments.text("code"), context.turn)
        return {"status": "success", **msgspec.structs.asdict(output)}
