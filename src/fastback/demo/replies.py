"""Requests and replies in the form that all protocols of the demo server share.

Directives in the last question control the reply, for tests: `[[tokens N]]` a reply of N tokens, `[[slow]]` thirty
seconds before the first token, `[[silent N]]` N seconds of silence after the third token, `[[break]]` a broken
connection after the fifth, `[[garbage]]` a reply that is not JSON, `[[error]]` an error inside the stream, `[[think]]`
reasoning between tags. A model or question with `demo-error-NNN` in it is refused with this status. The generations of
the page (titles, tags) quote the question; they are answered as if these directives were absent.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fastback.demo import texts

Json = dict[str, Any]

SLOW_SECONDS = 30.0

_STATUS = re.compile(r"demo-error-([45]\d\d)\b")
_SILENCE = re.compile(r"\[\[silent (\d+(?:\.\d+)?)\]\]")
_THINK_TOKENS = ("<thi", "nk>", "I think ", "a little.", "</thin", "k>", "\n\n")


class Tool(msgspec.Struct, frozen=True):
    """A tool that the client offers; `parameters` is a JSON schema."""

    name: str
    parameters: Json


class ToolCall(msgspec.Struct, frozen=True):
    """A call of a tool; `arguments` is JSON."""

    id: str
    name: str
    arguments: str

    def split_arguments(self) -> list[str]:
        """Return the arguments in the fragments in which they are streamed."""
        middle = max(len(self.arguments) // 2, 1)
        return [fragment for fragment in (self.arguments[:middle], self.arguments[middle:]) if fragment]


class Reply(msgspec.Struct):
    """A reply; `finish` is `stop`, `length` or `tool_calls`."""

    tokens: list[str] = []
    reasoning: list[str] = []
    calls: list[ToolCall] = []
    finish_reason: str = "stop"

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    @property
    def token_count(self) -> int:
        """Number of tokens of the reply."""
        call_tokens = sum(len(texts.split_tokens(call.arguments)) + 1 for call in self.calls)
        return len(self.tokens) + len(self.reasoning) + call_tokens


class ReplyRequest(msgspec.Struct):
    """A request for a reply."""

    model: str
    #: Role and text of each message; the last ones may have the role `tool`.
    messages: list[tuple[str, str]]
    tools: list[Tool] = []
    max_tokens: int | None = None
    exact_tokens: int | None = None
    stop: list[str] = []
    is_reasoning: bool = False

    @property
    def question(self) -> str:
        return next((text for role, text in reversed(self.messages) if role == "user"), "")

    @property
    def prompt_tokens(self) -> int:
        return sum(len(texts.split_tokens(text)) for _, text in self.messages)

    @property
    def generation_reply(self) -> str | None:
        """The reply to a generation of the page (a title, tags), or None."""
        return texts.find_generation(self.question)

    @property
    def error_status(self) -> int | None:
        """The status with which the request asks to be refused, or None."""
        match = _STATUS.search(self.model) or (_STATUS.search(self.question) if self.generation_reply is None else None)
        return int(match[1]) if match else None

    def has_directive(self, directive: str) -> bool:
        return f"[[{directive}]]" in self.question and self.generation_reply is None

    @property
    def delay_seconds(self) -> float:
        """The time before the first token."""
        return SLOW_SECONDS if self.has_directive("slow") else 0.0

    @property
    def silence_seconds(self) -> float:
        """The time without tokens in the middle."""
        match = _SILENCE.search(self.question)
        return float(match[1]) if match and self.generation_reply is None else 0.0

    def build_reply(self) -> Reply:
        """Return the reply; the same request always has the same reply."""
        reasoning = list(texts.REASONING) if self.is_reasoning else []
        tool_results = self._list_tool_results()
        if not tool_results:
            calls = self._build_calls()
            if calls:
                return Reply(reasoning=reasoning, calls=calls, finish_reason="tool_calls")
        generation = self.generation_reply
        if tool_results:
            tokens = texts.split_tokens("The tool answered: " + "\n".join(tool_results))
        elif generation is not None:
            tokens = texts.split_tokens(generation)
        elif self.exact_tokens is not None:
            tokens = texts.build_words(self.exact_tokens)
        else:
            tokens = texts.build_answer(self.question)
        if self.has_directive("think"):
            tokens = [*_THINK_TOKENS, *tokens]
        return self._limit_tokens(tokens, reasoning)

    def _limit_tokens(self, tokens: list[str], reasoning: list[str]) -> Reply:
        if self.stop:
            text = "".join(tokens)
            positions = [position for position in map(text.find, self.stop) if position >= 0]
            if positions:
                tokens = texts.split_tokens(text[: min(positions)])
        if self.max_tokens is not None and len(tokens) > self.max_tokens:
            return Reply(tokens[: self.max_tokens], reasoning, finish_reason="length")
        return Reply(tokens, reasoning)

    def _list_tool_results(self) -> list[str]:
        """Return the results of the tools that were called last."""
        results: list[str] = []
        for role, text in reversed(self.messages):
            if role != "tool":
                break
            results.insert(0, text)
        return results

    def _build_calls(self) -> list[ToolCall]:
        """Return calls of the tools that the question names, or of the first one if it says "call the tool"."""
        question = self.question
        tools = [tool for tool in self.tools if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", question)]
        if not tools and "call the tool" in question.lower():
            tools = self.tools[:1]
        # The same conversation has the same ids, and within it every id is unique.
        position = len(self.messages)
        return [
            ToolCall(
                f"call_demo_{position}_{index}", tool.name, msgspec.json.encode(build_example(tool.parameters)).decode()
            )
            for index, tool in enumerate(tools)
        ]


def build_example(schema: Any, depth: int = 0) -> Any:
    """Return a simple value that matches a JSON schema: `demo`, 2, true."""
    if not isinstance(schema, dict) or depth > 8:
        return "demo"
    for keyword in ("const", "default"):
        if schema.get(keyword) is not None:
            return schema[keyword]
    if schema.get("enum"):
        return schema["enum"][0]
    for keyword_list in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword_list):
            return build_example(schema[keyword_list][0], depth + 1)
    schema_type = schema.get("type")
    schema_type = schema_type[0] if isinstance(schema_type, list) and schema_type else schema_type
    if schema_type == "object" or (schema_type is None and (depth == 0 or "properties" in schema)):
        return {
            name: build_example(property_schema, depth + 1)
            for name, property_schema in (schema.get("properties") or {}).items()
        }
    if schema_type == "array":
        return [build_example(schema.get("items"), depth + 1)]
    return {"integer": 2, "number": 2, "boolean": True, "null": None}.get(str(schema_type), "demo")


def extract_text(content: Any) -> str:
    """Return the text of a message's content, which may be a list of parts; images and other parts have none."""
    if isinstance(content, list):
        parts = (part.get("text") or extract_text(part.get("content")) for part in content if isinstance(part, dict))
        return " ".join(part for part in parts if part)
    return "" if content is None else str(content)


def parse_tools(offered: Any) -> list[Tool]:
    """Return tools in the format of OpenAI chats and Ollama (in `function`), of the Responses API or of Anthropic."""
    tools = []
    for item in offered or []:
        function = item.get("function") or item
        name = str(function.get("name") or "")
        if name:
            tools.append(Tool(name, function.get("parameters") or function.get("input_schema") or {}))
    return tools


def parse_strings(value: Any) -> list[str]:
    """Return a text or a list of texts (such as `stop`) as a list."""
    return [value] if isinstance(value, str) else [str(item) for item in value or [] if item]


def find_count(*values: Any) -> int | None:
    """Return the first value that is not None, as a number."""
    return next((int(value) for value in values if value is not None), None)
