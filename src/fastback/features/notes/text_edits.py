"""Edits of a note's text: parts of it are replaced, named by their position or by what they say.

All positions are those of the text before the first edit. The messages and codes are those of Open WebUI, as models
see them.
"""

from __future__ import annotations

from typing import Any

import msgspec

Json = dict[str, Any]

#: Characters before and behind a match that an ambiguous edit is answered with, and the number of such matches.
_CONTEXT, _MAX_MATCHES = 50, 50


class InvalidEdit(Exception):
    """An edit is invalid; nothing was changed. `fields` say why, for the model: `error`, `code`, …"""

    def __init__(self, error: str, code: str, **fields: Any) -> None:
        super().__init__(error)
        self.fields = {"error": error, "code": code, **fields}


class Replacement(msgspec.Struct):
    """A range of the text, `end` excluded, and the text that takes its place."""

    start: int
    end: int
    content: str


class EditedText(msgspec.Struct):
    """A text after its edits, with the number of edits and the ranges that they replaced."""

    content: str
    count: int = 0
    ranges: list[Replacement] = []


def apply_edits(text: str, edits: list[Any]) -> EditedText:
    """Return the text after the edits, all of which are applied.

    Raises:
        InvalidEdit: an edit is invalid, or two overlap.
    """
    if not edits:
        raise InvalidEdit("operations must be a non-empty list", "invalid_operations")
    replacements: list[Replacement] = []
    for index, edit in enumerate(edits):
        if not isinstance(edit, dict):
            raise InvalidEdit("each operation must be an object", "invalid_operation", index=index)
        if edit.get("action") == "replace":
            return EditedText(_read_whole_text(edit, index, len(edits)), 1)
        replacements += _read_replacements(text, edit, index)
    replacements.sort(key=lambda replacement: replacement.start)
    parts: list[str] = []
    position = 0
    for index, replacement in enumerate(replacements):
        if replacement.start < position:
            raise InvalidEdit("operation ranges must not overlap", "overlapping_operations", index=index)
        parts += (text[position : replacement.start], replacement.content)
        position = replacement.end
    return EditedText("".join([*parts, text[position:]]), len(replacements), replacements)


def _read_whole_text(edit: Json, index: int, count: int) -> str:
    if count != 1:
        raise InvalidEdit("replace operation must be the only operation", "invalid_operations", index=index)
    content = edit.get("content")
    if not isinstance(content, str):
        raise InvalidEdit("replace operation content must be a string", "invalid_content", index=index)
    return content


def _read_replacements(text: str, edit: Json, index: int) -> list[Replacement]:
    action, content = edit.get("action"), edit.get("content")
    if action not in ("replace_range", "replace_text"):
        raise InvalidEdit("unknown operation action", "invalid_action", index=index, action=action)
    if not isinstance(content, str):
        raise InvalidEdit("operation content must be a string", "invalid_content", index=index)
    if action == "replace_text" and "find" in edit:
        if "start" in edit or "end" in edit:
            raise InvalidEdit("use either find or start/end, not both", "invalid_operation", index=index)
        return [Replacement(start, end, content) for start, end in _find_ranges(text, edit, index)]
    start, end, expected = edit.get("start"), edit.get("end"), edit.get("expected")
    if type(start) is not int or type(end) is not int:
        raise InvalidEdit("operation start and end must be integers", "invalid_range", index=index)
    if not 0 <= start <= end <= len(text):
        raise InvalidEdit("operation range is out of bounds", "range_out_of_bounds", index=index)
    if expected is not None and text[start:end] != expected:
        message = "operation expected text does not match current content"
        raise InvalidEdit(message, "expected_mismatch", index=index)
    return [Replacement(start, end, content)]


def _find_ranges(text: str, edit: Json, index: int) -> list[tuple[int, int]]:
    """Return where the searched text is: in one place, unless the edit wants all of them."""
    pattern, occurrence, replaces_all = edit.get("find"), edit.get("occurrence"), edit.get("replace_all", False)
    if not isinstance(pattern, str) or not pattern:
        raise InvalidEdit("find must be a non-empty string", "invalid_find", index=index)
    is_valid_occurrence = occurrence is None or (type(occurrence) is int and occurrence >= 0)
    if type(replaces_all) is not bool or not is_valid_occurrence or (replaces_all and occurrence is not None):
        message = "use a non-negative occurrence or replace_all boolean"
        raise InvalidEdit(message, "invalid_occurrence", index=index)
    ranges: list[tuple[int, int]] = []
    start = text.find(pattern)
    while start != -1:
        ranges.append((start, start + len(pattern)))
        start = text.find(pattern, start + len(pattern))
    if not ranges:
        raise InvalidEdit("Text not found", "text_not_found", index=index)
    if occurrence is not None:
        if occurrence >= len(ranges):
            raise InvalidEdit("occurrence is out of bounds", "invalid_occurrence", index=index)
        return [ranges[occurrence]]
    if len(ranges) > 1 and not replaces_all:
        matches = [
            {"start": start, "end": end, "context": text[max(0, start - _CONTEXT) : end + _CONTEXT]}
            for start, end in ranges[:_MAX_MATCHES]
        ]
        message = "Multiple matches; specify occurrence or replace_all"
        raise InvalidEdit(message, "ambiguous_match", index=index, matches=matches)
    return ranges
