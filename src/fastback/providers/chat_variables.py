"""The variables in a system prompt: `{{ chat.variables.name | type:property=value }}`.

The page shows them as a form before the first question of a chat, and sends their values with each question. A prompt
with an invalid definition has no form, and its variables stay empty.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.providers.prompt_placeholders import find_placeholders, replace_placeholders

_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")
_PROPERTIES = ("default", "label", "max", "maxlength", "min", "minlength", "options", "placeholder", "required", "step")
#: Lists that are nested deeper than this stay text.
_MAX_DEPTH = 32
#: A prompt with more variables, or more characters of definitions, is invalid: it is parsed whenever models are listed.
_MAX_VARIABLES, _MAX_DEFINITION_LENGTH = 500, 20_000
#: Characters of one value, and of all values as JSON.
_MAX_VALUE_LENGTH, _MAX_TOTAL_LENGTH = 20_000, 100_000

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
            value = decode_json(text)
        except msgspec.DecodeError:
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


class _InvalidVariables(ValueError):
    """A definition or a value is invalid."""


def _collect_fields(system: str) -> dict[str, Field]:
    """Return the fields of a prompt by their keys, in the order of the text.

    Raises:
        _InvalidVariables: a key is invalid, a choice has no options, a variable is defined twice in different ways, or
            the prompt has too many variables.
    """
    fields: dict[str, Field] = {}
    defined: dict[str, Field] = {}
    definition_length = 0
    for number, placeholder in enumerate(find_placeholders(system, "chat")):
        key, definition = placeholder.name, placeholder.definition
        definition_length += len(definition)
        if number >= _MAX_VARIABLES or definition_length > _MAX_DEFINITION_LENGTH or not _KEY.match(key):
            raise _InvalidVariables
        if not definition:
            fields.setdefault(key, _build_field(key, {"type": "text"}))
            continue
        field = _build_field(key, _parse_definition(definition))
        if (field["type"] == "select" and not field["options"]) or defined.get(key, field) != field:
            raise _InvalidVariables
        defined[key] = fields[key] = field
    return fields


def build_chat_variables_schema(system: Any) -> dict[str, list[Field]] | None:
    """Return the form of a system prompt, `{"fields": […]}`; None where it has no variables or an invalid one."""
    if not isinstance(system, str) or "chat.variables." not in system:
        return None
    try:
        fields = _collect_fields(system)
    except _InvalidVariables:
        return None
    return {"fields": list(fields.values())} if fields else None


def _choose_value(field: Field, value: Any) -> str:
    """Return the value of a field as text: the given one, else its default, else nothing.

    Raises:
        _InvalidVariables: the value is not among the options, or too long.
    """
    if value is None or value == "":
        value = field.get("default")
    if value is None or value == "":
        return ""
    if field["type"] == "select" and value not in field["options"]:
        raise _InvalidVariables
    if isinstance(value, str) and len(value) > _MAX_VALUE_LENGTH:
        raise _InvalidVariables
    return value.replace("\r\n", "\n") if isinstance(value, str) else str(value)


def render_chat_variables(system: str, values: dict[str, Any]) -> str:
    """Return a system prompt with the values of a chat filled in; without any where one of them is invalid.

    Raises:
        BadRequest: the prompt becomes too long.
    """
    if "chat.variables." not in system:
        return system
    texts: dict[str, str] = {}
    try:
        fields = _collect_fields(system)
        if len(msgspec.json.encode(values)) <= _MAX_TOTAL_LENGTH:
            texts = {key: _choose_value(field, values.get(key)) for key, field in fields.items()}
    except _InvalidVariables:
        pass
    return replace_placeholders(system, "chat", texts)
