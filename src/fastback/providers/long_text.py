"""A very long text inside of a line of a stream, taken out of it in pieces before anything decodes the line.

A model server may send megabytes in one delta, such as an image. Decoding that is one call, which holds the event loop
as long as it takes, and each step behind it copies the whole text. So the line becomes several lines as it arrives:
each is a delta of its own, with a part of the text. The escaped text is cut as it is, but never inside of an escape, of
a character, or of a surrogate pair.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from fastback.kit.escaped_text import find_cut, hide_escapes

#: Bytes of a line's beginning in which the text must begin, and bytes in which it must not end.
_MAX_HEAD, _MIN_TEXT = 32 * 1024, 32 * 1024
#: Bytes of a line that say whether it has a long text.
LONG_TEXT_WINDOW = _MAX_HEAD + _MIN_TEXT
#: Bytes of a piece of the text.
_MIN_PIECE, _MAX_PIECE = 32 * 1024, 64 * 1024
#: Bytes of the text that stay with the rest of the line: a delta without any is passed on as it is.
_MIN_REST = 32

_CLOSINGS = {ord("["): b"]", ord("{"): b"}"}
#: Stands for the text where the beginning of a line is decoded.
_MARK = secrets.token_hex(8)
#: Texts of a delta: of chat completions (below `choices`), and of Ollama (below `message`).
_DELTA_TEXTS = ("content", "reasoning_content", "reasoning", "thinking", "refusal")
#: Fields that say how an answer ended: they belong to the last piece.
_END_FIELDS = ("finish_reason", "native_finish_reason", "done", "done_reason")

#: Names and indexes.
Path = list[Any]


class LongText:
    """The text of a delta whose line is still arriving.

    Attributes:
        rest: the rest of the payload, from the end of the text on, as a payload of its own; None before that end.
    """

    def __init__(self, first: bytes, following: bytes, last: bytes, closing: bytes) -> None:
        """Each of the first three is the beginning of a payload, up to the text; `closing` ends all but the last."""
        self.rest: bytes | None = None
        self._beginning = first
        self._following = following
        self._last = last
        self._closing = closing
        self._text = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes of the line, and return the payloads with the text so far."""
        text = self._text + data
        end = hide_escapes(text).find(b'"')
        stop = find_cut(text, max((len(text) if end < 0 else end) - _MIN_REST, 0))
        if end < 0 and stop < _MIN_PIECE:
            self._text = text
            return []
        pieces = self._cut(text[:stop])
        self._text = text[stop:]
        if end >= 0:
            self.rest = self._last + self._text
        return pieces

    def end(self) -> list[bytes]:
        """Return the payload with what has come of a text that breaks off."""
        return self._cut(self._text[: find_cut(self._text, len(self._text))])

    def _cut(self, text: bytes) -> list[bytes]:
        """Return payloads with a text that may be long."""
        pieces: list[bytes] = []
        while text:
            stop = len(text)
            if stop > _MAX_PIECE:
                stop = find_cut(text, _MAX_PIECE) or stop
            pieces.append(b"".join((self._beginning, text[:stop], self._closing)))
            self._beginning = self._following
            text = text[stop:]
        return pieces


def find_long_text(line: bytes) -> tuple[LongText, int] | None:
    """Return the long text of a payload, and where in it the text begins; None where no text may be cut.

    `line` is the beginning of the payload.
    """
    window = line[:LONG_TEXT_WINDOW]
    parts = hide_escapes(window).split(b'"')
    start = len(window) - len(parts[-1])
    if len(parts) % 2 or start > _MAX_HEAD:
        return None
    head = line[:start]
    closing = b'"' + _close_brackets(b"".join(parts[::2]))
    try:
        value = msgspec.json.decode(head + _MARK.encode() + closing)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    path = _find_mark(value)
    if not _is_delta(value, path):
        return None
    first, following, last = (_select_fields(value, path, part) for part in ("first", "following", "last"))
    beginnings = (_encode_up_to_mark(first), _encode_up_to_mark(following), _encode_up_to_mark(last))
    return LongText(*beginnings, closing), start


def _close_brackets(structure: bytes) -> bytes:
    """Return what closes the open brackets of a JSON text; `structure` is what it has outside of strings."""
    closings: list[bytes] = []
    for byte in structure:
        if byte in _CLOSINGS:
            closings.append(_CLOSINGS[byte])
        elif byte in b"]}" and closings:
            closings.pop()
    return b"".join(reversed(closings))


def _find_mark(value: Any) -> Path:
    """Return the names and indexes that lead to the last text; an empty path where that is not the mark."""
    path: Path = []
    while value and isinstance(value, (dict, list)):
        path.append(next(reversed(value)) if isinstance(value, dict) else len(value) - 1)
        value = value[path[-1]]
    return path if value == _MARK else []


def _is_delta(value: Any, path: Path) -> bool:
    """Return whether several deltas with parts of the text are the same as the one that has all of it."""
    match path:
        case ["choices", 0, "delta", name] | ["message", name]:
            return name in _DELTA_TEXTS
        case ["choices", 0, "delta", "tool_calls", int(index), "function", "arguments"]:
            return "index" in value["choices"][0]["delta"]["tool_calls"][index]
        case ["delta"]:
            return str(value.get("type")).endswith(".delta")
    return False


def _select_fields(value: Any, path: Path, part: str, *, is_top: bool = True) -> Any:
    """Return the fields along the path for the `first` piece, for a `following` one, or for the `last`.

    The first has all of them but those of the end. Fields that accumulate, such as names, must not come again.
    """
    if not path:
        return value
    name, inner_path = path[0], path[1:]
    inner = _select_fields(value[name], inner_path, part, is_top=False)
    if isinstance(value, list):
        return [*value[:-1], inner] if part == "first" else [inner]
    fields: dict[str, Any] = {}
    for key, member in value.items():
        if key in _END_FIELDS:
            is_selected = part == "last"
        else:
            is_scalar = not isinstance(member, (dict, list))
            is_selected = part == "first" or (is_scalar and (is_top or key == "index"))
        if key == name or is_selected:
            fields[key] = inner if key == name else member
    return fields


def _encode_up_to_mark(fields: Any) -> bytes:
    return msgspec.json.encode(fields).rpartition(_MARK.encode())[0]
