"""Tool search: tools with large specifications are named in the system prompt, and looked up by the model.

Models get two tools instead: `search_tools` returns specifications, and `call_tool` calls what was found. The list of
tools that a model server sees stays the same while the model finds more, so its prompt cache stays valid.
"""

from __future__ import annotations

import fnmatch
import json
import math
import re
import unicodedata
from collections import Counter
from typing import Any

import msgspec

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinTool, integer, text
from fastback.completions.tools.builtin.conditions import is_legacy
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.chat import (
    CHAT_TOOL_SEARCH_ALWAYS_LOADED,
    CHAT_TOOL_SEARCH_DEFER_BUILTIN_TOOLS,
    CHAT_TOOL_SEARCH_DEFER_THRESHOLD,
    CHAT_TOOL_SEARCH_ENABLE,
)
from fastback.features.prompts import system_messages

Json = dict[str, Any]

SEARCH, CALL = "search_tools", "call_tool"
#: Characters of a description in the list of the system prompt.
_MAX_DESCRIPTION = 100
_DEFAULT_COUNT, _MAX_COUNT = 5, 20
_INSTRUCTIONS = (
    "These tools are available, but their definitions are not loaded. To use one, call `search_tools` with keywords or "
    "its exact name, which returns its definition; then call `call_tool` with `tool_name` set to that name and "
    "`params` set to its arguments as JSON text, for example "
    'call_tool(tool_name="get_weather", params=\'{"city": "Oslo"}\'). '
    "Do not call these tools directly, and search before you say that something is not possible."
)

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: Scripts without spaces between words.
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]+)")


class ToolSearch:
    """Decide which tools of a turn are looked up, and offer the two tools that do so."""

    def __init__(self, config: Config, *, defers_builtin_tools: bool) -> None:
        """`defers_builtin_tools`: look built-in tools up, even where the configuration leaves tool search off."""
        self._config = config
        self._defers_builtin_tools = defers_builtin_tools

    def defer_tools(self, turn: Turn) -> set[str]:
        """Add the two tools and the list of the others to a turn, and return the names of the tools that it leaves out.

        Nothing is changed where no tool is to be left out.
        """
        tools: dict[str, OfferedTool] = turn.tools
        if is_legacy(turn) or SEARCH in tools or CALL in tools:
            return set()
        is_enabled = self._config.get_bool(CHAT_TOOL_SEARCH_ENABLE)
        if not is_enabled and not self._defers_builtin_tools:
            return set()
        names = sorted(name for name, tool in tools.items() if self._is_deferred(tool, is_enabled=is_enabled))
        if not names:
            return set()
        deferred = {name: tools[name] for name in names}
        manifest = "".join(_describe(tool) for tool in deferred.values())
        content = f"<available_tools>\n{_INSTRUCTIONS}\n{manifest}</available_tools>"
        turn.messages = system_messages.add_system_text(turn.messages, content, append=True)
        tools[SEARCH] = _build_search_tool(deferred)
        tools[CALL] = CallTool()
        return set(names)

    def _is_deferred(self, tool: OfferedTool, *, is_enabled: bool) -> bool:
        if tool.kind == "builtin":
            defers = self._defers_builtin_tools or (
                is_enabled and self._config.get_bool(CHAT_TOOL_SEARCH_DEFER_BUILTIN_TOOLS)
            )
        else:
            defers = is_enabled
        if not defers:
            return False
        patterns = self._config.get_list(CHAT_TOOL_SEARCH_ALWAYS_LOADED)
        if any(isinstance(pattern, str) and fnmatch.fnmatchcase(tool.name, pattern) for pattern in patterns):
            return False
        threshold = self._config.get(CHAT_TOOL_SEARCH_DEFER_THRESHOLD)
        size = len(json.dumps(tool.spec, default=str))
        return size > (threshold if isinstance(threshold, int) else 400)


class CallTool(OfferedTool):
    """`call_tool`, which the loop replaces by the call that it describes."""

    kind = "builtin"

    def __init__(self) -> None:
        parameters = {
            "type": "object",
            "properties": {
                "tool_name": {"type": "string", "description": "Exact name that search_tools has returned"},
                "params": {"type": "string", "description": "JSON text of an object with the arguments"},
            },
            "required": ["tool_name", "params"],
            "additionalProperties": False,
        }
        description = (
            "Call a tool that search_tools has found, by its exact name, with its arguments as JSON text of an object "
            'as its definition asks for; "{}" for a tool without arguments.'
        )
        spec = {"name": CALL, "description": description, "strict": True, "parameters": parameters}
        super().__init__(name=CALL, spec=spec, tool_id=f"builtin:{CALL}")

    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        raise ToolError("call_tool cannot be called here")


def resolve_call(item: Json, tools: dict[str, OfferedTool]) -> Json:
    """Return the call that a call of `call_tool` describes, with the original in `provider_function`; others unchanged.

    Raises:
        ToolError: it describes none.
    """
    if not isinstance(tools.get(str(item["name"])), CallTool):
        return item
    try:
        arguments = msgspec.json.decode(item["arguments"])
    except msgspec.DecodeError as error:
        raise ToolError(str(error)) from None
    if not isinstance(arguments, dict) or set(arguments) != {"tool_name", "params"}:
        raise ToolError("call_tool requires tool_name and params.")
    name, params = arguments["tool_name"], arguments["params"]
    if not isinstance(name, str) or not name.strip():
        raise ToolError("tool_name must be a non-empty string.")
    if name in (SEARCH, CALL):
        raise ToolError("call_tool cannot invoke search_tools or itself.")
    if name not in tools:
        raise ToolError(f'Tool "{name}" is not available. Search for an available tool.')
    if not isinstance(params, str):
        raise ToolError("params must be a JSON-encoded object string.")
    try:
        values = msgspec.json.decode(params)
    except msgspec.DecodeError as error:
        raise ToolError(str(error)) from None
    if not isinstance(values, dict):
        raise ToolError("params must decode to a JSON object.")
    original = {"name": item["name"], "arguments": item["arguments"]}
    return {**item, "name": name, "arguments": msgspec.json.encode(values).decode(), "provider_function": original}


def _describe(tool: OfferedTool) -> str:
    description = " ".join(str(tool.spec.get("description") or "").split())
    if len(description) > _MAX_DESCRIPTION:
        description = description[: _MAX_DESCRIPTION - 1].rstrip() + "…"
    return f"<tool>\n<name>{tool.name}</name>\n<description>{description}</description>\n</tool>\n"


def _build_search_tool(deferred: dict[str, OfferedTool]) -> BuiltinTool:
    async def search(arguments: Arguments, context: ToolCallContext) -> Any:
        count = max(1, min(arguments.integer("count"), _MAX_COUNT))
        names = search_tools(arguments.text("query"), deferred, count)
        return {"tools": [deferred[name].spec for name in names]}

    return BuiltinTool(
        SEARCH,
        "Find tools whose definitions are not loaded, by keywords or by an exact name, and return their definitions.",
        [text("query", "Keywords, or the exact name of a tool"), integer("count", "Number of tools", _DEFAULT_COUNT)],
        search,
    )


def search_tools(query: str, tools: dict[str, OfferedTool], count: int) -> list[str]:
    """Return the names of the tools that fit a query best; an exact name is the only result.

    Words of names, descriptions and parameters are weighted by how few tools have them (BM25).
    """
    query = query.strip()
    if query in tools:
        return [query]
    terms = set(_split_words(query))
    documents = {name: _split_words(_join_searched_text(tool)) for name, tool in tools.items()}
    if not terms or not documents:
        return []
    average = sum(map(len, documents.values())) / len(documents) or 1.0
    document_counts = Counter(term for words in documents.values() for term in set(words))
    scores: dict[str, float] = {}
    for name, words in documents.items():
        counts = Counter(words)
        score = 0.0
        for term in terms & counts.keys():
            rarity = math.log(1 + (len(documents) - document_counts[term] + 0.5) / (document_counts[term] + 0.5))
            frequency = counts[term]
            score += rarity * frequency * 2.5 / (frequency + 1.5 * (0.25 + 0.75 * len(words) / average))
        if score > 0:
            scores[name] = score
    return sorted(scores, key=lambda name: (-scores[name], name))[:count]


def _join_searched_text(tool: OfferedTool) -> str:
    parameters = tool.spec.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    names = " ".join(properties) if isinstance(properties, dict) else ""
    return f"{tool.name} {tool.spec.get('description') or ''} {names}"


def _split_words(content: str) -> list[str]:
    """Return the words of a text in lower case: parts of camelCase, and pairs of characters of unspaced scripts."""
    words: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", content)):
        for part in _CAMEL.split(match[0]):
            for piece in _UNSPACED.split(part.casefold()):
                if _UNSPACED.fullmatch(piece):
                    words += [piece[start : start + 2] for start in range(len(piece) - 1)] or [piece]
                elif piece:
                    words.append(piece)
    return words
