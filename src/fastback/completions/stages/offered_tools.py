"""Offered tools: what the model may call in this turn."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from fastback.completions.tools.builtin.conditions import is_legacy
from fastback.completions.tools.offered_tool import OfferedTool, ToolProvider
from fastback.completions.tools.tool_search import ToolSearch
from fastback.completions.turn import Turn
from fastback.features.tools.openapi.operations import build_function_name
from fastback.kit.sliced_json import SmallList, is_large_value

log = logging.getLogger("fastback.completions")


class OfferedToolsStage:
    """Collect the tools of a turn from their providers, and put their specifications into the payload."""

    name = "offered_tools"

    def __init__(self, *, providers: Sequence[ToolProvider], search: ToolSearch) -> None:
        """The providers' order decides: of two tools with one name, the later one is renamed or left out."""
        self._providers = tuple(providers)
        self._search = search

    async def run(self, turn: Turn) -> None:
        """Collect the tools, and offer them to a model that calls functions itself.

        Raises:
            HttpError: as `ToolProvider.list_tools`.
        """
        if turn.is_forwarded or is_legacy(turn):
            return
        await self.collect_tools(turn)
        if turn.tools:
            deferred = self._search.defer_tools(turn)
            tools = [tool for tool in turn.tools.values() if tool.name not in deferred]
            own_tools = turn.payload.get("tools")
            if isinstance(own_tools, list) and own_tools:  # those that filters have added
                turn.payload["tools"] = _describe_tools(tools) + own_tools
                return
            others = [tool.spec for tool in tools if tool.kind != "builtin"]
            if not others:
                turn.payload["tools"] = _describe_builtin_tools(tuple(tools))
            else:
                specs = _describe_tools(tools)
                # Requests of all rounds hold it.
                turn.payload["tools"] = specs if is_large_value(others) else SmallList(specs)

    async def collect_tools(self, turn: Turn) -> None:
        """Set the tools of a turn. A request that brings tools of its own gets no others."""
        if turn.request.body.get("tools") is not None or not (turn.builtin_categories or names_tools(turn)):
            return
        for provider in self._providers:
            for tool in await provider.list_tools(turn):
                _add_tool(turn.tools, tool)


def _describe_tools(tools: Iterable[OfferedTool]) -> list[Any]:
    return [{"type": "function", "function": tool.spec} for tool in tools]


@lru_cache(maxsize=16)
def _describe_builtin_tools(tools: tuple[OfferedTool, ...]) -> SmallList:
    """Describe the built-in tools of a turn, which are mostly those of the turn before."""
    return SmallList(_describe_tools(tools))


def _add_tool(tools: dict[str, OfferedTool], tool: OfferedTool) -> None:
    """Add a tool, in place; one whose name is taken gets its prefix. A built-in tool gives way."""
    if tool.name in tools and tool.kind == "builtin":
        return
    while tool.name in tools and not tool.replaces_namesakes:
        log.warning("two tools are called %s: one is renamed", tool.name)
        tool.rename(build_function_name(f"{tool.prefix}_{tool.name}"))
    tools[tool.name] = tool


def names_tools(turn: Turn) -> bool:
    """Return whether the request names tools, servers of the page, or a terminal."""
    body = turn.request.body
    return bool(body.get("tool_ids") or body.get("tool_servers") or body.get("terminal_id"))


def list_tool_ids(turn: Turn) -> list[str]:
    """Return the ids of the tools that the request names."""
    ids: Any = turn.request.body.get("tool_ids")
    return [tool_id for tool_id in ids if isinstance(tool_id, str)] if isinstance(ids, list) else []
