"""The variables a system prompt asks of each chat, `{{ chat.variables.name | type:property=value }}`, as a form.

The page shows the form before the first question. A prompt whose definitions make no sense has no form.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_VARIABLE = re.compile(r"{{\s*chat\.variables\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*}}")
_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")
_PROPERTIES = ("default", "label", "max", "maxlength", "min", "minlength", "options", "placeholder", "required", "step")
#: Lists within lists deeper than this stay text.
_DEEPEST = 32

Field = dict[str, Any]


def _split(text: str, separator: str) -> list[str]:
    """Parts of a definition; separators within quotes and brackets do not part."""
    parts: list[str] = []
    begun, depth, quoted, escaped = 0, 0, False, False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[begun:place].strip())
            begun = place + 1
    last = text[begun:].strip()
    return [*parts, last] if last else parts


def _too_deep(value: Any, depth: int = 1) -> bool:
    return isinstance(value, list) and (depth > _DEEPEST or any(_too_deep(one, depth + 1) for one in value))


def _value(text: str) -> Any:
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if text.startswith(("[", "{")):
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return text
        return text if _too_deep(found) else found
    return text


def _definition(text: str) -> Field:
    first, *rest = _split(text, ":") or ["text"]
    found: Field = {"type": first.removeprefix("type=").strip() or "text"}
    for part in rest:
        if part:
            name, *values = _split(part, "=") or [part]
            found[name] = _value("=".join(values).strip()) if values else True
    return found


def _field(key: str, definition: Field) -> Field:
    found: Field = {"key": key}
    found |= {name: definition[name] for name in _PROPERTIES if name in definition}
    found["type"] = definition["type"]
    if found["type"] == "select" and not isinstance(found.get("options"), list):
        found["options"] = []
    found["required"] = bool(found.get("required", False))
    return found


def schema_of(system: Any) -> dict[str, list[Field]] | None:
    """The form of a system prompt: `{"fields": [...]}` in the order of the text, or None."""
    if not isinstance(system, str) or "chat.variables." not in system:
        return None
    fields: dict[str, Field] = {}
    typed: dict[str, Field] = {}
    for match in _VARIABLE.finditer(system):
        key, text = match.group(1), (match.group(2) or "").strip()
        if not _KEY.match(key):
            return None
        if not text:
            fields.setdefault(key, _field(key, {"type": "text"}))
            continue
        field = _field(key, _definition(text))
        if (field["type"] == "select" and not field["options"]) or typed.get(key, field) != field:
            return None
        typed[key] = fields[key] = field
    return {"fields": list(fields.values())} if fields else None
