"""`view_file` and `view_knowledge_file`: read the text of a file, page by page."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinTool,
    Parameter,
    flag,
    integer,
    text,
)
from fastback.completions.tools.builtin.knowledge.file_view import view_characters, view_lines
from fastback.completions.tools.builtin.knowledge.readable_knowledge import ReadableKnowledge
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.features.files import store
from fastback.features.files.store import FileSummary
from fastback.settings import Settings

Json = dict[str, Any]


class FileTools:
    """The tools that read a file."""

    def __init__(self, knowledge: ReadableKnowledge, settings: Settings) -> None:
        self._db = knowledge.db
        self._knowledge = knowledge
        self._limit = settings.view_file_max_chars
        self._default_limit = settings.view_file_default_max_chars

    def build_view_file(self) -> BuiltinTool:
        return BuiltinTool(
            "view_file",
            "Read the text of a file. Long texts come in pages: `next_offset` or `next_start_line` say where to go on.",
            self._build_parameters(),
            self._view_file,
            list_sources=list_file_sources,
        )

    def build_view_knowledge_file(self) -> BuiltinTool:
        return BuiltinTool(
            "view_knowledge_file",
            "Read the text of a file in a knowledge base. Long texts come in pages: `next_offset` or `next_start_line` "
            "say where to go on.",
            self._build_parameters(),
            self._view_knowledge_file,
            list_sources=list_file_sources,
        )

    def _build_parameters(self) -> list[Parameter]:
        return [
            text("file_id", "Id of the file"),
            integer("offset", "Number of characters to skip", 0),
            integer(
                "max_chars", "Characters to return at most; the server has a limit of its own", self._default_limit
            ),
            flag("line_numbers", "Whether each line begins with its number", False),
            integer("start_line", "First line, from 1; then offset and max_chars do not count", None),
            integer("end_line", "Last line; without start_line from the first one", None),
        ]

    async def _view_file(self, arguments: Arguments, context: ToolCallContext) -> Json:
        file = await self._knowledge.find_file(arguments.text("file_id"), context.turn)
        if file is None:
            raise ToolError("File not found")
        return await self._view(file, arguments)

    async def _view_knowledge_file(self, arguments: Arguments, context: ToolCallContext) -> Json:
        user = context.turn.user
        file = await store.find_file(self._db, arguments.text("file_id"))
        if file is None:
            raise ToolError("File not found")
        rows = await self._knowledge.list_by_id(await store.list_knowledge_ids(self._db, file.id), user)
        is_open = bool(rows) or file.user_id == user.id or user.is_admin
        if not is_open and await self._knowledge.find_file(file.id, context.turn) is None:
            raise ToolError("Access denied")
        view = await self._view(file, arguments)
        return {**view, "knowledge_id": rows[0].id, "knowledge_name": rows[0].name} if rows else view

    async def _view(self, file: FileSummary, arguments: Arguments) -> Json:
        first, last = arguments.optional_integer("start_line"), arguments.optional_integer("end_line")
        limit = min(max(arguments.integer("max_chars"), 1), self._limit)
        offset = max(arguments.integer("offset"), 0)
        content = await store.find_text(self._db, file.id) or ""
        if first is not None or last is not None:
            view = await asyncio.to_thread(view_lines, content, first=first, last=last, limit=self._limit)
        else:
            view = await asyncio.to_thread(
                view_characters, content, offset=offset, limit=limit, numbered=arguments.flag("line_numbers")
            )
        times = {"updated_at": file.updated_at, "created_at": file.created_at}
        return {"id": file.id, "filename": file.filename, "content": view.pop("content"), **times, **view}


def list_file_sources(arguments: Json, content: str) -> list[Json]:
    """Return a viewed file as a source of the answer."""
    file = decode_result(content)
    if not isinstance(file, dict) or "error" in file:
        return []
    file_id, name = file.get("id", ""), file.get("filename", "Unknown File")
    metadata = {"file_id": file_id, "name": name, "source": name}
    if file.get("knowledge_name"):
        metadata["knowledge_name"] = file["knowledge_name"]
    return [
        {
            "source": {"id": file_id, "name": name, "type": "file"},
            "document": [file.get("content", "")],
            "metadata": [metadata],
        }
    ]


def decode_result(content: str) -> Any:
    """Return the JSON value of a result; None where it is not JSON."""
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
