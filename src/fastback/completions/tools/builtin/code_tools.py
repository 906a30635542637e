"""The code interpreter: Python that a model writes runs in the page (Pyodide) or on a Jupyter server."""

from __future__ import annotations

import re
import uuid
from typing import Any

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.code import CODE_INTERPRETER_ENABLE, CODE_INTERPRETER_ENGINE
from fastback.features.code.interpreter import build_interpreter_client, clean_code
from fastback.settings import Settings

Json = dict[str, Any]

_IMAGE_LINE = re.compile(r"^data:image/[\w.+-]+;base64,", re.IGNORECASE)


class CodeTools(BuiltinGroup):
    """`execute_code`."""

    category = "code_interpreter"

    def __init__(self, *, config: Config, settings: Settings, page_calls: PageCalls, files: ResultFiles) -> None:
        self._config = config
        self._page_calls = page_calls
        self._files = files
        names = settings.code_interpreter_blocked_modules.split(",")
        self._blocked_modules = [name.strip() for name in names if name.strip()]

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return (
            self._config.get_bool(CODE_INTERPRETER_ENABLE)
            and conditions.wants_feature("code_interpreter")
            and conditions.has_capability("code_interpreter")
            and await conditions.has_permission("features.code_interpreter")
        )

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
        turn = context.turn
        code = clean_code(arguments.text("code"), self._blocked_modules)
        engine = self._config.get_text(CODE_INTERPRETER_ENGINE)
        if engine == "pyodide":
            stdout, stderr, result = await self._run_in_page(code, turn)
        elif engine == "jupyter":
            output = await build_interpreter_client(self._config).run(code)
            stdout, stderr, result = output.stdout, output.stderr, output.result
        else:
            raise ToolError(f"Unknown code interpreter engine: {engine}")
        return {
            "status": "success",
            "stdout": await self._store_images(stdout, turn),
            "stderr": stderr,
            "result": await self._store_images(result, turn),
        }

    async def _run_in_page(self, code: str, turn: Turn) -> tuple[Any, Any, Any]:
        """Return what the page says that the code has printed, its errors, and its result."""
        request = turn.request
        details = {
            "id": str(uuid.uuid4()),
            "code": code,
            "session_id": request.session_id,
            "files": request.files or [],
        }
        event = {"type": "execute:python", "data": details}
        data = {"chat_id": request.chat_id, "message_id": turn.message_id, "data": event}
        output = await self._page_calls.call(request.session_id, turn.user.id, data)
        if not isinstance(output, dict):
            return "", "", str(output) if output else ""
        if output.get("error") and not output.get("stdout") and not output.get("result"):
            return "", output["error"], ""
        return output.get("stdout", ""), output.get("stderr", ""), output.get("result", "")

    async def _store_images(self, output: Any, turn: Turn) -> Any:
        """Return an output with links to files in place of its lines that are images."""
        if not isinstance(output, str) or ";base64," not in output:
            return output
        lines = output.split("\n")
        for number, line in enumerate(lines):
            url = await self._files.store_file(turn, line) if _IMAGE_LINE.match(line) else None
            if url is not None:
                lines[number] = f"![Output Image]({url})"
        return "\n".join(lines)
