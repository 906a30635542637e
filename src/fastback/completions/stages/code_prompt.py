"""Code prompt: how a model that calls no functions has its code run goes behind the question."""

from __future__ import annotations

from typing import Any

from fastback.completions.stages.code_interpreter import PYODIDE_PROMPT
from fastback.completions.turn import Message, Turn
from fastback.config import Config
from fastback.config.keys.code import CODE_INTERPRETER_ENGINE, CODE_INTERPRETER_PROMPT_TEMPLATE

_PROMPT = """\
#### Code interpreter

You can run Python. Write the code between these tags, without a Markdown fence around it:

<code_interpreter type="code" lang="python">
print("code")
</code_interpreter>

End your answer behind the closing tag: the code runs then, and you are asked to go on with what it has printed between
`<code_interpreter_output>` tags. Never write such an output yourself.

- Run code where it helps: for calculations, the analysis of data, charts, files, and to check what you are not sure of.
- Print what you need to see; the value of the last expression is shown, too.
- Charts that are shown (`plt.show()`) become images. Their Markdown links are in the output: repeat them in your answer
  as they are, so that the user sees them.
- Where code fails, read the error and mend the code. Then tell the user what the output means, in the user's language.
"""


class CodePromptStage:
    """Append the administrator's prompt, or our own, to the question. It comes last: searches are for the question."""

    name = "code_prompt"

    def __init__(self, config: Config) -> None:
        self._config = config

    async def run(self, turn: Turn) -> None:
        if not turn.runs_code:
            return
        prompt = self._config.get_text(CODE_INTERPRETER_PROMPT_TEMPLATE) or _PROMPT
        if self._config.get_text(CODE_INTERPRETER_ENGINE) != "jupyter":
            prompt = f"{prompt.rstrip()}\n\n{PYODIDE_PROMPT}"
        turn.messages = _append_to_question(turn.messages, prompt)


def _append_to_question(messages: list[Message], text: str) -> list[Message]:
    """Return the messages with a text behind that of the last question."""
    index = next((n for n in reversed(range(len(messages))) if messages[n].get("role") == "user"), None)
    if index is None:
        return [*messages, {"role": "user", "content": text}]
    question = {**messages[index], "content": _append_text(messages[index].get("content"), text)}
    return [*messages[:index], question, *messages[index + 1 :]]


def _append_text(content: Any, text: str) -> Any:
    if not isinstance(content, list):
        return f"{content}\n{text}" if content else text
    texts = [n for n, part in enumerate(content) if isinstance(part, dict) and isinstance(part.get("text"), str)]
    if not texts:
        return [*content, {"type": "text", "text": text}]
    last = texts[-1]
    part = {**content[last], "text": f"{content[last]['text']}\n{text}"}
    return [*content[:last], part, *content[last + 1 :]]
