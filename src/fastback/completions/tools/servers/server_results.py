"""What other servers return: for the model as text or JSON, for the page as embedded HTML or pictures."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.completions.tools.offered_tool import RawResult
from fastback.kit.base64_slices import encode_base64
from fastback.kit.json_pieces import decode_body
from fastback.kit.large_json import SLICE_SIZE
from fastback.kit.pacing import let_others_run
from fastback.kit.value_texts import MAX_CHARACTERS, cut_text

Json = dict[str, Any]

#: JSON with more bytes is passed on as the server has written it, unless pictures are in it.
MAX_DECODED_BYTES = 256 * 1024
_PICTURE = b"data:image/"
_TEXT_TYPES = ("text/", "application/xml", "application/yaml", "application/javascript", "application/x-ndjson")


#: Beginnings of the names of charsets in which texts are decoded; any other is taken for UTF-8.
_CHARSETS = (
    "utf-8",
    "utf-16",
    "iso-8859",
    "iso8859",
    "latin",
    "windows-",
    "cp",
    "koi8",
    "gb",
    "big5",
    "euc",
    "shift_jis",
)


class BinaryContent(msgspec.Struct, frozen=True):
    """A file that is neither a text nor a picture."""

    content: bytes
    media_type: str


async def decode_content(body: bytes, media_type: str, charset: str | None, *, for_model: bool = False) -> Any:
    """Return the content of a response: a JSON value, a text, a picture as a data URL, or a `BinaryContent`.

    `for_model` cuts a text to what models read of it.
    """
    if media_type.endswith(("/json", "+json")):
        if len(body) <= MAX_DECODED_BYTES or await asyncio.to_thread(_has_picture, body):
            try:
                return await decode_body(body) if body.strip() else ""
            except ValueError:
                pass
        return await _decode_text(body, charset, for_model=for_model)
    if not media_type or media_type.startswith(_TEXT_TYPES):
        return await _decode_text(body, charset, for_model=for_model)
    if media_type.startswith("image/"):
        return f"data:{media_type};base64,{await encode_base64(body)}"
    if not body:
        return ""
    is_text = b"\0" not in body and await _is_utf_8(body)
    return await _decode_text(body, None, for_model=for_model) if is_text else BinaryContent(body, media_type)


def _has_picture(body: bytes) -> bool:
    """Return whether a picture may be in a body; to be called in a thread, which gives way to others."""
    overlap = len(_PICTURE) - 1
    starts = range(0, len(body), SLICE_SIZE)
    return any(body.find(_PICTURE, start, start + SLICE_SIZE + overlap) >= 0 for start in starts)


async def _decode_text(body: bytes, charset: str | None, *, for_model: bool) -> str:
    """Return a text; a charset that no server of texts has would take minutes, as some of Python's codecs do."""
    name = (charset or "utf-8").lower()
    if not name.startswith(_CHARSETS):
        name = "utf-8"
    try:
        return await _decode_slices(body, name, "replace", for_model=for_model)
    except (LookupError, ValueError):
        return await _decode_slices(body, "utf-8", "replace", for_model=for_model)


async def _is_utf_8(body: bytes) -> bool:
    try:
        await _decode_slices(body, "utf-8", "strict", for_model=True)
    except UnicodeDecodeError:
        return False
    return True


async def _decode_slices(body: bytes, charset: str, errors: str, *, for_model: bool) -> str:
    """Decode a text in slices, between which the event loop runs; what models do not read of it is only counted."""
    decoder = codecs.getincrementaldecoder(charset)(errors)
    parts: list[str] = []
    size = 0
    for start in range(0, len(body), SLICE_SIZE):
        end = start + SLICE_SIZE
        part = decoder.decode(body[start:end], end >= len(body))
        if not for_model or size <= MAX_CHARACTERS:
            parts.append(part)
        size += len(part)
        await let_others_run()
    text = "".join(parts)
    return cut_text(text, size) if for_model else text


def build_server_result(name: str, value: Any, headers: Mapping[str, str]) -> RawResult:
    """Return the result of a tool of a server by the headers of its response.

    `Content-Disposition: inline` embeds HTML, or the page that `Location` names, in the answer. The model reads that it
    is shown, or the second part of a pair in the place of the content.
    """
    lower_headers = {str(key).lower(): str(header) for key, header in headers.items()}
    if "inline" not in lower_headers.get("content-disposition", ""):
        return RawResult("" if value is None else value)
    content, context = (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (value, None)
    if "text/html" in lower_headers.get("content-type", ""):
        embed = content
    else:
        embed = lower_headers.get("location")
    if not isinstance(embed, str) or not embed:
        return RawResult("" if value is None else value)
    if context is None or not isinstance(context, (str, dict, list)):
        context = {
            "status": "success",
            "code": "ui_component",
            "message": f"{name}: Embedded UI result is active and visible to the user.",
        }
    return RawResult(context, embeds=[embed])
