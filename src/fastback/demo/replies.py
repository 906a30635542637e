"""What is asked, and what the answer is, in a form that all protocols share.

Words in the last question steer it, for tests: `[[tokens N]]` an answer of N tokens, `[[slow]]` thirty seconds before
the first piece, `[[silent N]]` N seconds of silence after the third, `[[break]]` the connection breaks off after the
fifth, `[[garbage]]` no JSON, `[[error]]` an error inside the stream, `[[think]]` reasoning between tags. A model or a
question with `demo-error-NNN` in it is refused with this status. The small tasks of the page (titles, tags) quote the
question; they are answered as if these words were not there.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fastback.demo import texts

Json = dict[str, Any]

SLOW_SECONDS = 30.0

_STATUS = re.compile(r"demo-error-([45]\d\d)\b")
_SILENT = re.compile(r"\[\[silent (\d+(?:\.\d+)?)\]\]")
_THINKING = ("<thi", "nk>", "I think ", "a little.", "</thin", "k>", "\n\n")


class Tool(msgspec.Struct, frozen=True):
    """A tool that is offered; `parameters` is a JSON schema."""

    name: str
    parameters: Json


class Call(msgspec.Struct, frozen=True):
    """A call of a tool; `arguments` is JSON."""

    id: str
    name: str
    arguments: str

    def fragments(self) -> list[str]:
        """The arguments in the pieces in which they are streamed."""
        half = max(len(self.arguments) // 2, 1)
        return [part for part in (self.arguments[:half], self.arguments[half:]) if part]


class Answer(msgspec.Struct):
    """`finish` is `stop`, `length` or `tool_calls`."""

    pieces: list[str] = []
    reasoning: list[str] = []
    calls: list[Call] = []
    finish: str = "stop"

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def count(self) -> int:
        """Tokens of the whole answer."""
        called = sum(len(texts.tokens(call.arguments)) + 1 for call in self.calls)
        return len(self.pieces) + len(self.reasoning) + called


class Asked(msgspec.Struct):
    """A request for an answer."""

    model: str
    #: Role and text of each message; the last one may be of the role `tool`.
    messages: list[tuple[str, str]]
    tools: list[Tool] = []
    most: int | None = None
    exact: int | None = None
    stop: list[str] = []
    reasons: bool = False

    @property
    def question(self) -> str:
        return next((text for role, text in reversed(self.messages) if role == "user"), "")

    @property
    def prompt_tokens(self) -> int:
        return sum(len(texts.tokens(text)) for _, text in self.messages)

    @property
    def task(self) -> str | None:
        return texts.task_answer(self.question)

    @property
    def status(self) -> int | None:
        """The status of the refusal that is asked for."""
        found = _STATUS.search(self.model) or (_STATUS.search(self.question) if self.task is None else None)
        return int(found[1]) if found else None

    def wants(self, word: str) -> bool:
        return f"[[{word}]]" in self.question and self.task is None

    @property
    def delay(self) -> float:
        """Seconds before anything is said."""
        return SLOW_SECONDS if self.wants("slow") else 0.0

    @property
    def silence(self) -> float:
        """Seconds of silence in the middle."""
        found = _SILENT.search(self.question)
        return float(found[1]) if found and self.task is None else 0.0

    def answer(self) -> Answer:
        """The same request has the same answer."""
        reasoning = list(texts.REASONING) if self.reasons else []
        results = self._results()
        if not results:
            calls = self._calls()
            if calls:
                return Answer(reasoning=reasoning, calls=calls, finish="tool_calls")
        task = self.task
        if results:
            pieces = texts.tokens("The tool answered: " + "\n".join(results))
        elif task is not None:
            pieces = texts.tokens(task)
        elif self.exact is not None:
            pieces = texts.words(self.exact)
        else:
            pieces = texts.answer(self.question)
        if self.wants("think"):
            pieces = [*_THINKING, *pieces]
        return self._limited(pieces, reasoning)

    def _limited(self, pieces: list[str], reasoning: list[str]) -> Answer:
        if self.stop:
            text = "".join(pieces)
            ends = [place for place in map(text.find, self.stop) if place >= 0]
            if ends:
                pieces = texts.tokens(text[: min(ends)])
        if self.most is not None and len(pieces) > self.most:
            return Answer(pieces[: self.most], reasoning, finish="length")
        return Answer(pieces, reasoning)

    def _results(self) -> list[str]:
        """What the tools answered that were called last."""
        found: list[str] = []
        for role, text in reversed(self.messages):
            if role != "tool":
                break
            found.insert(0, text)
        return found

    def _calls(self) -> list[Call]:
        """Calls of the tools that the question names, or of the first one when it says "call the tool"."""
        question = self.question
        named = [tool for tool in self.tools if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", question)]
        if not named and "call the tool" in question.lower():
            named = self.tools[:1]
        # Ids are the same for the same conversation, and no two of it are alike.
        place = len(self.messages)
        return [
            Call(f"call_demo_{place}_{number}", tool.name, msgspec.json.encode(example(tool.parameters)).decode())
            for number, tool in enumerate(named)
        ]


def example(schema: Any, depth: int = 0) -> Any:
    """A value that fits a JSON schema, as simple as can be: `demo`, 2, true."""
    if not isinstance(schema, dict) or depth > 8:
        return "demo"
    for known in ("const", "default"):
        if schema.get(known) is not None:
            return schema[known]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return example(schema[choice][0], depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or (kind is None and (depth == 0 or "properties" in schema)):
        return {name: example(one, depth + 1) for name, one in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [example(schema.get("items"), depth + 1)]
    return {"integer": 2, "number": 2, "boolean": True, "null": None}.get(str(kind), "demo")


def text_of(content: Any) -> str:
    """The text of a message's content, which may be a list of parts; other parts (images) say nothing here."""
    if isinstance(content, list):
        parts = (part.get("text") or text_of(part.get("content")) for part in content if isinstance(part, dict))
        return " ".join(part for part in parts if part)
    return "" if content is None else str(content)


def tools_of(offered: Any) -> list[Tool]:
    """Tools as OpenAI's chats and Ollama (in `function`), the Responses API or Anthropic (`input_schema`) have them."""
    found = []
    for one in offered or []:
        function = one.get("function") or one
        name = str(function.get("name") or "")
        if name:
            found.append(Tool(name, function.get("parameters") or function.get("input_schema") or {}))
    return found


def strings(value: Any) -> list[str]:
    """A text or a list of texts, as `stop` may be."""
    return [value] if isinstance(value, str) else [str(one) for one in value or [] if one]


def count_of(*values: Any) -> int | None:
    """The first value that is given, as a number."""
    return next((int(one) for one in values if one is not None), None)
