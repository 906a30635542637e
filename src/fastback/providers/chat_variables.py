"""The form of the variables in a system prompt: `{{ chat.variables.name | type:property=value }}`.

The page shows the form before the first question of a chat. A prompt with an invalid definition has no form.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_VARIABLE = re.compile(r"{{\s*chat\.variables\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*}}")
_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")
_PROPERTIES = ("default", "label", "max", "maxlength", "min", "minlength", "options", "placeholder", "required", "step")
#: Lists that are nested deeper than this stay text.
_MAX_DEPTH = 32

Field = dict[str, Any]


def _split_definition(text: str, separator: str) -> list[str]:
    """Split a definition at a separator, except within quotes and brackets."""
    parts: list[str] = []
    start, depth, is_quoted, is_escaped = 0, 0, False, False
    for index, char in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif char == "\\":
            is_escaped = True
        elif char == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def _is_too_deep(value: Any, depth: int = 1) -> bool:
    if not isinstance(value, list):
        return False
    return depth > _MAX_DEPTH or any(_is_too_deep(element, depth + 1) for element in value)


def _parse_value(text: str) -> Any:
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if text.startswith(("[", "{")):
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return text
        return text if _is_too_deep(value) else value
    return text


def _parse_definition(text: str) -> Field:
    """Parse `type:property=value:…`; a property without a value is true."""
    kind, *properties = _split_definition(text, ":") or ["text"]
    definition: Field = {"type": kind.removeprefix("type=").strip() or "text"}
    for part in properties:
        if part:
            name, *values = _split_definition(part, "=") or [part]
            definition[name] = _parse_value("=".join(values).strip()) if values else True
    return definition


def _build_field(key: str, definition: Field) -> Field:
    field: Field = {"key": key}
    field |= {name: definition[name] for name in _PROPERTIES if name in definition}
    field["type"] = definition["type"]
    if field["type"] == "select" and not isinstance(field.get("options"), list):
        field["options"] = []
    field["required"] = bool(field.get("required", False))
    return field


def build_chat_variables_schema(system: Any) -> dict[str, list[Field]] | None:
    """Return the form of a system prompt, `{"fields": […]}` in the order of the text.

    None where the prompt has no variables, where a key is invalid, a choice has no options, or a variable is defined
    twice in different ways.
    """
    if not isinstance(system, str) or "chat.variables." not in system:
        return None
    fields: dict[str, Field] = {}
    defined: dict[str, Field] = {}
    for match in _VARIABLE.finditer(system):
        key, definition = match.group(1), (match.group(2) or "").strip()
        if not _KEY.match(key):
            return None
        if not definition:
            fields.setdefault(key, _build_field(key, {"type": "text"}))
            continue
        field = _build_field(key, _parse_definition(definition))
        if (field["type"] == "select" and not field["options"]) or defined.get(key, field) != field:
            return None
        defined[key] = fields[key] = field
    return {"fields": list(fields.values())} if fields else None
