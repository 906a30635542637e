"""From the parts of an MCP tool's result to what the model reads and the page shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fastback.completions.tools.offered_tool import RawResult
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.turn import Turn

Json = dict[str, Any]

#: Characters of a result whose texts are decoded as JSON; models read those of a longer one as they are.
_MAX_DECODED_CHARACTERS = 64 * 1024


class McpResults:
    """Convert results; pictures and sounds are stored as files of the user."""

    def __init__(self, files: ResultFiles) -> None:
        self._files = files

    async def convert(self, turn: Turn, parts: list[Json]) -> RawResult:
        """Return a result: a single text as it is, several as a list, and files beside them."""
        values: list[Any] = []
        files: list[Json] = []
        decode = _decode if _count_characters(parts) <= _MAX_DECODED_CHARACTERS else str
        for part in parts:
            kind = part.get("type")
            if kind == "text":
                values.append(decode(str(part.get("text") or "")))
            elif kind in ("image", "audio"):
                files.append(await self._build_file(turn, part))
            elif kind == "resource":
                _add_resource(part.get("resource") or {}, values, files, decode)
            elif kind == "resource_link" and part.get("uri"):
                values.append(part["uri"])
        return RawResult(values[0] if len(values) == 1 else values, files=files)

    async def _build_file(self, turn: Turn, part: Json) -> Json:
        """Return a picture or a sound as a file of the answer."""
        url = f"data:{part.get('mimeType')};base64,{part.get('data') or ''}"
        return {"type": part["type"], "url": await self._files.store_image(turn, url)}


def _count_characters(parts: list[Json]) -> int:
    return sum(len(part.get("text") or (part.get("resource") or {}).get("text") or "") for part in parts)


def _add_resource(resource: Json, values: list[Any], files: list[Json], decode: Callable[[str], Any]) -> None:
    """Add an embedded resource to the values or the files, in place."""
    text, blob, uri = resource.get("text"), resource.get("blob"), resource.get("uri")
    if isinstance(text, str) and text:
        values.append(decode(text))
    elif blob:
        media_type = resource.get("mimeType") or "application/octet-stream"
        if media_type.startswith("image/"):
            files.append({"type": "image", "url": f"data:{media_type};base64,{blob}"})
        else:
            values.append(f"[Resource: {uri or 'resource'}] (binary data, mimeType: {media_type})")
    elif uri:
        values.append(uri)


def _decode(text: str) -> Any:
    """Return the value of a JSON text; any other text, and `null`, as they are."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return text
    return text if value is None else value
