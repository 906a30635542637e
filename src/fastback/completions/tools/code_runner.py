"""Run Python that a model has written: in the page (Pyodide), or on a Jupyter server."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolError
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.code import CODE_INTERPRETER_ENABLE, CODE_INTERPRETER_ENGINE
from fastback.features.code.interpreter import build_interpreter_client, clean_code
from fastback.settings import Settings

_IMAGE_LINE = re.compile(r"^data:image/[\w.+-]+;base64,", re.IGNORECASE)


class CodeOutput(msgspec.Struct):
    """What code has printed, its errors, and its result: texts, or whatever the page has sent."""

    stdout: Any = ""
    stderr: Any = ""
    result: Any = ""


class CodeRunner:
    """Run code for turns. Images in its output become files."""

    def __init__(self, *, config: Config, settings: Settings, page_calls: PageCalls, files: ResultFiles) -> None:
        self._config = config
        self._page_calls = page_calls
        self._files = files
        names = settings.code_interpreter_blocked_modules.split(",")
        self._blocked_modules = [name.strip() for name in names if name.strip()]

    async def may_run(self, conditions: OfferConditions) -> bool:
        """Return whether the settings, the model, the user and the request let code run."""
        return (
            self._config.get_bool(CODE_INTERPRETER_ENABLE)
            and conditions.wants_feature("code_interpreter")
            and conditions.has_capability("code_interpreter")
            and await conditions.has_permission("features.code_interpreter")
        )

    async def run(self, code: str, turn: Turn) -> CodeOutput:
        """Run code, and return its output with links in the place of images. Errors are a part of the output.

        Raises:
            ToolError: the settings name an engine that does not exist.
        """
        code = clean_code(code, self._blocked_modules)
        engine = self._config.get_text(CODE_INTERPRETER_ENGINE)
        if engine == "pyodide":
            output = await self._run_in_page(code, turn)
        elif engine == "jupyter":
            printed = await build_interpreter_client(self._config).run(code)
            output = CodeOutput(printed.stdout, printed.stderr, printed.result)
        else:
            raise ToolError(f"Unknown code interpreter engine: {engine}")
        output.stdout = await self._store_images(output.stdout, turn)
        output.result = await self._store_images(output.result, turn)
        return output

    async def _run_in_page(self, code: str, turn: Turn) -> CodeOutput:
        request = turn.request
        details = {
            "id": str(uuid.uuid4()),
            "code": code,
            "session_id": request.session_id,
            "files": request.files or [],
        }
        event = {"type": "execute:python", "data": details}
        data = {"chat_id": request.chat_id, "message_id": turn.message_id, "data": event}
        reply = await self._page_calls.call(request.session_id, turn.user.id, data)
        if not isinstance(reply, dict):
            return CodeOutput(result=str(reply) if reply else "")
        if reply.get("error") and not reply.get("stdout") and not reply.get("result"):
            return CodeOutput(stderr=reply["error"])
        return CodeOutput(reply.get("stdout", ""), reply.get("stderr", ""), reply.get("result", ""))

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
