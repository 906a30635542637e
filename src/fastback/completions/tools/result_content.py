"""From what a tool has returned to what the model reads, and what the page shows."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.tools.offered_tool import RawResult
from fastback.kit.value_texts import convert_value, cut_text, run_steps_between_others

Json = dict[str, Any]

_FAILURE_BEGINNINGS = ("error:", "exception:", "traceback", "http error!")
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


async def build_content(name: str, result: RawResult) -> ToolContent:
    """Return the content of a result: objects and lists become JSON, images inside become files."""
    value, files = result.value, list(result.files)
    if isinstance(value, str) and value.startswith("data:image/"):
        files.append({"type": "image", "url": value})
        text = f"{name}: Image file read successfully."
    elif isinstance(value, (dict, list)):
        text = await run_steps_between_others(convert_value(value, files))
    else:
        text = "" if value is None or value is False else cut_text(str(value))
    return ToolContent(text, list(result.embeds), files)


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
