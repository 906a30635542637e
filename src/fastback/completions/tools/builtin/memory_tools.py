"""Memories: what is remembered of the user, searched, read and changed."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, cast

import msgspec

from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinGroup,
    BuiltinTool,
    array,
    flag,
    integer,
    text,
)
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.features import MEMORIES_ENABLE
from fastback.features.memories import paths, store
from fastback.features.memories.schemas import Kind, OperationsForm
from fastback.features.memories.service import MemoryService
from fastback.features.memories.store import Memory

Json = dict[str, Any]

_TYPE = text("type", '"user", "context", or "all"', "all")
_PATH = text("path", "Path that groups related memories", None)
#: Tools that subagents do not have.
_CHANGING_TOOLS = {"update_memory", "add_memory", "replace_memory_content", "delete_memory"}
_NOT_FOUND = {"error": "Memory not found or access denied"}


class MemoryTools(BuiltinGroup):
    """Eight tools around the memories of the user."""

    category = "memory"

    def __init__(self, config: Config, memories: MemoryService) -> None:
        self._config = config
        self._memories = memories

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return (
            self._config.get_bool(MEMORIES_ENABLE)
            and conditions.wants_feature("memory")
            and conditions.has_capability("memory")
            and await conditions.has_permission("features.memories")
        )

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        tools = self._all_tools
        return [tool for tool in tools if tool.name not in _CHANGING_TOOLS] if turn.is_internal else tools

    @cached_property
    def _all_tools(self) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "search_memories",
                "Search the saved memories of the user by content, path, type or id.",
                [
                    text("query", "Words of the content or path", ""),
                    integer("count", "Number of memories", 5),
                    _TYPE,
                    text("path", "Path around which to search", None),
                    text("memory_id", "Id of one memory to read", None),
                ],
                self._search,
            ),
            BuiltinTool(
                "list_memory_paths",
                "List the paths that group memories, to find one before a memory is written or moved.",
                [text("query", "Words of paths or contents", ""), integer("count", "Number of paths", 100), _TYPE],
                self._list_paths,
            ),
            BuiltinTool(
                "read_memory_path",
                "Read the memories at a path, with the paths above and below it.",
                [
                    text("path", "Path to read"),
                    integer("count", "Number of memories", 50),
                    _TYPE,
                    flag("include_children", "Whether to read the paths below, too", True),
                ],
                self._read_path,
            ),
            BuiltinTool("list_memories", "List all memories of the user with their ids and dates.", [], self._list),
            BuiltinTool(
                "update_memory",
                "Change several memories at once, after learning what will matter in later chats: lasting facts, "
                'preferences and instructions (type "user"), or other lasting context (type "context"). Do not save '
                "what is short-lived, unless the user asks for it. Operations: "
                '{"action": "add", "content", "type", "path"}, {"action": "replace", "id", "content", "type", "path"}, '
                '{"action": "move", "id", "path"}, {"action": "remove", "id"}.',
                [array("operations", "Operations, all of which are applied or none", {"type": "object"})],
                self._update,
            ),
            BuiltinTool(
                "add_memory",
                "Save what will improve later chats: lasting preferences, goals, projects, habits, instructions. Do "
                "not save what is short-lived, unless the user asks for it.",
                [
                    text("content", "What to remember"),
                    text("type", '"user" for facts about the user, "context" for other lasting context', "user"),
                    _PATH,
                ],
                self._add,
            ),
            BuiltinTool(
                "replace_memory_content",
                "Correct a saved memory.",
                [
                    text("memory_id", "Id of the memory"),
                    text("content", "New content"),
                    text("type", '"user" or "context"', None),
                    _PATH,
                ],
                self._replace,
            ),
            BuiltinTool("delete_memory", "Delete a saved memory.", [text("memory_id", "Its id")], self._delete),
        ]

    async def _load(self, context: ToolCallContext) -> list[Memory]:
        return await store.list_memories(self._memories.db, context.turn.user.id)

    async def _search(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        matches = paths.search_memories(
            await self._load(context),
            query=arguments.optional_text("query"),
            path=arguments.optional_text("path"),
            memory_id=arguments.optional_text("memory_id"),
            memory_type=_read_type(arguments),
            limit=arguments.integer("count"),
        )
        return [_describe(memory, "%Y-%m-%d") for memory in matches]

    async def _list_paths(self, arguments: Arguments, context: ToolCallContext) -> Json:
        return paths.group_by_path(
            await self._load(context),
            query=arguments.text("query"),
            memory_type=_read_type(arguments),
            limit=arguments.integer("count"),
        )

    async def _read_path(self, arguments: Arguments, context: ToolCallContext) -> Json:
        return paths.browse_path(
            await self._load(context),
            path=arguments.text("path"),
            memory_type=_read_type(arguments),
            include_children=arguments.flag("include_children"),
            limit=arguments.integer("count"),
            show=store.build_response,
        )

    async def _list(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        return [_describe(memory, "%Y-%m-%d %H:%M") for memory in await self._load(context)]

    async def _update(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        try:
            form = msgspec.convert({"operations": arguments.array("operations")}, OperationsForm)
        except msgspec.ValidationError as error:
            raise ToolError(str(error)) from None
        return await self._memories.apply_operations(context.turn.ctx, form, context.turn.model.id)

    async def _add(self, arguments: Arguments, context: ToolCallContext) -> Json:
        kind = _normalise_kind(arguments.text("type"))
        memory = await self._memories.add_memory(
            context.turn.ctx, arguments.text("content"), kind, arguments.optional_text("path")
        )
        return {"status": "success", "id": memory.id, "type": memory.type, "path": memory.path}

    async def _replace(self, arguments: Arguments, context: ToolCallContext) -> Json:
        kind = arguments.optional_text("type")
        memory = await self._memories.update_memory(
            context.turn.ctx,
            arguments.text("memory_id"),
            arguments.text("content"),
            _normalise_kind(kind) if kind else None,
            arguments.optional_text("path"),
        )
        fields = {"id": memory.id, "type": memory.type, "path": memory.path, "content": memory.content}
        return {"status": "success", **fields}

    async def _delete(self, arguments: Arguments, context: ToolCallContext) -> Json:
        memory_id = arguments.text("memory_id")
        if not await self._memories.delete_memory(context.turn.user, memory_id):
            return _NOT_FOUND
        return {"status": "success", "message": f"Memory {memory_id} deleted"}


def _read_type(arguments: Arguments) -> str:
    """Return the type to look for; any unknown one is "all"."""
    value = arguments.text("type")
    return value if value in ("user", "context") else "all"


def _normalise_kind(value: str) -> Kind:
    """Return the type of a new memory; any unknown one is "context"."""
    return cast(Kind, value if value in ("user", "context") else "context")


def _describe(memory: Memory, date_format: str) -> Json:
    return {
        "id": memory.id,
        "type": memory.type,
        "path": memory.path,
        "content": memory.content,
        "created_at": time.strftime(date_format, time.localtime(memory.created_at)),
        "updated_at": time.strftime(date_format, time.localtime(memory.updated_at)),
    }
