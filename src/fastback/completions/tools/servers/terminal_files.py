"""Files and commands of terminals as the page sees them: it opens or reloads what a tool has shown or changed."""

from __future__ import annotations

import mimetypes
import posixpath
from typing import Any

import msgspec

from fastback.completions.tools.offered_tool import OfferedTool
from fastback.features.tools.openapi.operations import DISPLAY_FILE

Json = dict[str, Any]

_WRITING_TOOLS = ("write_file", "replace_file_content")


class ServerTool(OfferedTool):
    """A tool of another server, which may be a terminal: the names of its tools say so."""

    def list_page_events(self, arguments: Json, content: str) -> list[Json]:
        """Return `terminal:…` events for tools that show or write a file, or run a command."""
        if self.name == "run_command":
            return [{"type": "terminal:run_command", "data": {}}]
        if self.name in _WRITING_TOOLS:
            path = _parse_object(content).get("path") or arguments.get("path")
            return [{"type": f"terminal:{self.name}", "data": {"path": path}}] if path else []
        if self.name != DISPLAY_FILE or arguments.get("inline") is True:
            return []
        result = _parse_object(content)
        # A terminal resolves the path of the argument against its working directory.
        path, page = result.get("path") or arguments.get("path"), arguments.get("page")
        if not path or result.get("exists") is False:
            return []
        return [{"type": f"terminal:{DISPLAY_FILE}", "data": {"path": path, **({"page": page} if page else {})}}]


def describe_displayed_file(value: Any, arguments: Json, *, selector: Json, chat_id: str) -> Any:
    """Return the result of `display_file` with what the page needs to show the file; other results as they are.

    `selector` names the terminal: `{"terminal_id"}`, or `{"terminal_url"}` of one that the page calls itself.
    """
    if not isinstance(value, dict) or value.get("exists") is False:
        return value
    path = value.get("path") or arguments.get("path")
    if not isinstance(path, str) or not path:
        return value
    guessed_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    page = value.get("page") or arguments.get("page")
    return {
        **value,
        "type": "file",
        "source": "open_terminal",
        **({"displayed": True} if arguments.get("inline") is True else {}),
        "terminal_selector": next(iter(selector.values())),
        **selector,
        "session_id": chat_id,
        "path": path,
        "full_path": value.get("full_path") or path,
        "name": value.get("name") or posixpath.basename(path),
        "mime_type": value.get("mime_type") or value.get("content_type") or guessed_type,
        "content_type": value.get("content_type") or value.get("mime_type") or guessed_type,
        **({"page": page} if page else {}),
    }


def _parse_object(content: str) -> Json:
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
