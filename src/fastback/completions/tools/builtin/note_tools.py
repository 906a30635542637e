"""Notes: search them, read them, write them."""

from __future__ import annotations

from typing import Any

from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinGroup,
    BuiltinTool,
    array,
    integer,
    text,
)
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.builtin.text_matches import cut_head, cut_match, read_count, read_seconds
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.features import NOTES_ENABLE
from fastback.features.notes import store
from fastback.features.notes.list_fragments import NoteRow
from fastback.features.notes.schemas import NoteForm
from fastback.features.notes.search import search_shared_notes
from fastback.features.notes.service import NoteService
from fastback.features.notes.store import Note
from fastback.features.notes.text_edits import EditedText, InvalidEdit, apply_edits
from fastback.kit.http.errors import Forbidden, NotFound

Json = dict[str, Any]

_OPERATIONS = (
    'Edits of parts of the text. {"action": "replace_text", "find", "content", "occurrence", "replace_all"}: '
    "`find` is exact text, not a pattern; where it occurs several times, `occurrence` (from 0) or `replace_all` says "
    'which is meant. {"action": "replace_text", "start", "end", "content", "expected"}: character positions in the '
    "text that view_note returns, `end` excluded; all positions are those before the first edit, and ranges must not "
    "overlap; with `expected`, the edit is refused where the range says something else. "
    '{"action": "replace", "content"} replaces everything and stands alone.'
)


class NoteTools(BuiltinGroup):
    """`search_notes`, `view_note`, `write_note` and `replace_note_content`."""

    category = "notes"
    has_fixed_tools = True

    def __init__(self, config: Config, notes: NoteService) -> None:
        self._config = config
        self._notes = notes

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        if turn.location.note_id:
            return True
        return self._config.get_bool(NOTES_ENABLE) and await conditions.has_permission("features.notes")

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "search_notes",
                "Search the notes of the user, their titles and texts, for notes that contain all words.",
                [
                    text("query", "Words to find"),
                    integer("count", "Number of notes", 5),
                    integer("start_timestamp", "Only notes changed since this Unix time in seconds", None),
                    integer("end_timestamp", "Only notes changed until this Unix time in seconds", None),
                ],
                self._search,
            ),
            build_view_note_tool(self._notes),
            BuiltinTool(
                "write_note",
                "Write a new note for the user.",
                [text("title", "Its title"), text("content", "Its text, in Markdown")],
                self._write,
            ),
            BuiltinTool(
                "replace_note_content",
                "Change the text of a note: all of it (`content`), or parts (`operations`). Prefer to edit parts where "
                "most of the text stays.",
                [
                    text("note_id", "Id of the note"),
                    text("content", "The new text, in Markdown, where all of it changes", None),
                    array("operations", _OPERATIONS, {"type": "object", "additionalProperties": True}, None),
                    text("title", "New title", None),
                ],
                self._replace,
            ),
        ]

    async def _search(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        query, catalog = arguments.text("query"), self._notes.records.catalog
        since, until = (read_seconds(arguments, name) for name in ("start_timestamp", "end_timestamp"))
        rows = await search_shared_notes(
            catalog,
            context.turn.user,
            query,
            since=since and since * 10**9,
            until=until and until * 10**9,
            limit=read_count(arguments),
        )
        words = query.lower().split()
        return [
            {"id": row.id, "title": row.title, "snippet": await self._cut(row, words), "updated_at": row.updated_at}
            for row in rows
        ]

    async def _cut(self, row: NoteRow, words: list[str]) -> str:
        """Return the text around the first word that a note contains, or its beginning."""
        note = await store.find_note(self._notes.db, row.id)
        content = "" if note is None else get_markdown(note)
        return cut_match(content, words) or cut_head(content)

    async def _write(self, arguments: Arguments, context: ToolCallContext) -> Json:
        form = NoteForm(title=arguments.text("title"), data={"content": {"md": arguments.text("content")}})
        note = await self._notes.create_note(context.turn.user, form)
        return {"status": "success", "id": note["id"], "title": note["title"], "created_at": note["created_at"]}

    async def _replace(self, arguments: Arguments, context: ToolCallContext) -> Json:
        user = context.turn.user
        try:
            note = await self._notes.get_note_to_edit(arguments.text("note_id"), user)
            edited = _edit_text(get_markdown(note), arguments)
            updated = await self._notes.replace_text(note, user, edited.content, arguments.optional_text("title"))
        except NotFound:
            return {"error": "Note not found", "code": "not_found"}
        except Forbidden:
            return {"error": "Write access denied", "code": "write_access_denied"}
        except InvalidEdit as error:
            return error.fields
        return {
            "status": "success",
            "id": updated["id"],
            "title": updated["title"],
            "updated_at": updated["updated_at"],
            "applied_operation_count": edited.count,
            "applied_ranges": [{"start": edit.start, "end": edit.end} for edit in edited.ranges],
        }


def _edit_text(content: str, arguments: Arguments) -> EditedText:
    """Return the text after what a call asks for.

    Raises:
        InvalidEdit: it asks for nothing, or something invalid.
    """
    try:
        operations = arguments.optional_array("operations")
    except ToolError:
        operations = []
    if operations is not None:
        return apply_edits(content, operations)
    if arguments.is_absent("content"):
        raise InvalidEdit("content or operations is required", "content_required")
    return EditedText(arguments.text("content"))


def build_view_note_tool(notes: NoteService) -> BuiltinTool:
    """Return the tool that reads a note."""

    async def view_note(arguments: Arguments, context: ToolCallContext) -> Json:
        try:
            note = await notes.get_allowed_note(arguments.text("note_id"), context.turn.user, "read")
        except NotFound:
            return {"error": "Note not found"}
        except Forbidden:
            return {"error": "Access denied"}
        return {
            "id": note.id,
            "title": note.title,
            "content": get_markdown(note),
            "updated_at": note.updated_at,
            "created_at": note.created_at,
        }

    return BuiltinTool("view_note", "Read a note.", [text("note_id", "Id of the note")], view_note)


def get_markdown(note: Note) -> str:
    """Return the text of a note."""
    content = note.data.get("content") if isinstance(note.data, dict) else None
    markdown = content.get("md") if isinstance(content, dict) else None
    return markdown if isinstance(markdown, str) else ""
