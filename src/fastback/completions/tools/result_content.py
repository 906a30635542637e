"""From what a tool has returned to what the model reads, and what the page shows."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from fastback.completions.tools.offered_tool import RawResult

Json = dict[str, Any]

#: Characters of a result that a model reads; the rest is cut off.
MAX_CHARACTERS = 2_000_000
_IMAGE_URL = re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=\s]+", re.ASCII)
_FAILURE_BEGINNINGS = ("error:", "exception:", "traceback", "http error!")
_MAX_DEPTH = 40
#: Characters of a failure; longer JSON is not decoded to see whether it is one.
_MAX_FAILURE_CHARACTERS = 256 * 1024


class ToolContent(msgspec.Struct):
    """A result as text for the model, with what goes beside it."""

    text: str
    embeds: list[str] = []
    files: list[Json] = []

    @property
    def is_failure(self) -> bool:
        return is_failure(self.text)


def build_content(name: str, result: RawResult) -> ToolContent:
    """Return the content of a result: objects and lists become JSON, images inside become files."""
    value, files = result.value, list(result.files)
    if isinstance(value, str) and value.startswith("data:image/"):
        files.append({"type": "image", "url": value})
        value = f"{name}: Image file read successfully."
    elif isinstance(value, list):
        value = _take_data_files(value, files)
    value = _take_images(value, files, 0)
    if isinstance(value, list):
        value = {"results": value}
    if isinstance(value, dict):
        value = _format_json(value)
    text = "" if value is None or value is False else str(value)
    return ToolContent(cut_text(text), list(result.embeds), files)


def cut_text(text: str) -> str:
    """Return a text with at most `MAX_CHARACTERS`, and a line that says how many were cut off."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}\n[{len(text) - MAX_CHARACTERS} more characters were cut off]"


def _format_json(value: Any) -> str:
    """Return a value as indented JSON. msgspec takes a twentieth of the time of the standard library."""
    try:
        return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
    except (TypeError, ValueError, RecursionError):
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _take_data_files(values: list[Any], files: list[Json]) -> list[Any]:
    """Return the list without the data URLs in it that are no images; they are added to the files."""
    remaining: list[Any] = []
    for value in values:
        if isinstance(value, str) and value.startswith("data:") and not value.startswith("data:image/"):
            files.append({"type": "data", "content": value})
        else:
            remaining.append(value)
    return remaining


def _take_images(value: Any, files: list[Json], depth: int) -> Any:
    """Return the value with `[image]` in the place of each image in it; the images are added to the files."""
    if isinstance(value, str) and "data:image/" in value and _IMAGE_URL.fullmatch(value):
        files.append({"type": "image", "url": value})
        return "[image]"
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return {key: _take_images(part, files, depth + 1) for key, part in value.items()}
    if depth < _MAX_DEPTH and isinstance(value, list):
        return [_take_images(part, files, depth + 1) for part in value]
    return value


def is_failure(text: str) -> bool:
    """Return whether a result says that its tool failed: by how it begins, or by the fields of its JSON."""
    if text[:100].lstrip()[:20].lower().startswith(_FAILURE_BEGINNINGS):
        return True
    if len(text) > _MAX_FAILURE_CHARACTERS:
        return False
    value: Any = text
    for _ in range(5):
        if not isinstance(value, str):
            break
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return False
    if not isinstance(value, dict):
        return False
    if _says_something(value.get("error")):
        return True
    status = value.get("status")
    if isinstance(status, str) and status.strip().lower() in ("error", "failed"):
        return True
    return (value.get("success") is False or value.get("ok") is False) and _says_something(value.get("message"))


def _says_something(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else isinstance(value, (dict, list)) and bool(value)
