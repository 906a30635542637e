"""Code interpreter: what a model must know of Python in the page goes into the system prompt.

A model that calls no functions writes its code between tags instead; `code_prompt` tells it how.
"""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.completions.tools.builtin.conditions import OfferConditions, is_legacy
from fastback.completions.tools.code_runner import CodeRunner
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.code import CODE_INTERPRETER_ENGINE
from fastback.features.prompts import system_messages

PYODIDE_PROMPT = """\
#### Running Python

Code runs with Pyodide in the user's browser. Nothing can be installed there: neither `pip` nor `micropip.install()` nor
`subprocess` works. Where a library is missing, find a way with those that are there.

Files of the user are in `/mnt/uploads/`; list that directory to see them. Files that your code writes there can be
downloaded by the user, and are still there the next time that code runs in this session."""


class CodeInterpreterStage:
    """Describe the environment of code that runs in the page. It is always the same text, for the caches of prompts."""

    name = "code_interpreter"

    def __init__(self, *, config: Config, permissions: Permissions, runner: CodeRunner) -> None:
        self._config = config
        self._permissions = permissions
        self._runner = runner

    async def run(self, turn: Turn) -> None:
        if "code_interpreter" in turn.builtin_categories:
            if self._config.get_text(CODE_INTERPRETER_ENGINE) != "jupyter":
                turn.messages = system_messages.add_system_text(turn.messages, PYODIDE_PROMPT, append=True)
        elif is_legacy(turn) and turn.sink.runs_tools and turn.is_stream:
            conditions = OfferConditions(turn, self._permissions)
            is_enabled = conditions.is_category_enabled("code_interpreter")
            turn.runs_code = is_enabled and await self._runner.may_run(conditions)
