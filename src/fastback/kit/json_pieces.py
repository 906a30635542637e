"""Decode large JSON in pieces, between which the event loop runs.

msgspec and the standard library hold Python's lock while they decode. So a thread keeps the loop waiting as long as the
loop itself would (17 MB of chats: 0.1 s; 13 MB of small objects: 0.4 to 1.4 s). A worker process does not, but its
objects have to come back, which takes longer than decoding them. What does not hold the loop is to leave parts
undecoded (`msgspec.Raw` is skipped at 0.2 to 3 GB/s), and to decode in pieces, as here.

A text is cut at commas, at least every 32 KB where its values allow it. A piece begins and ends inside of objects and
lists. With the brackets that are open at its beginning before it, and those that are open at its end closed behind it,
it is JSON of its own; its value is joined to those before it along the open objects and lists. Finding the cuts takes
about half as long as decoding.
"""

from __future__ import annotations

import gc
import json
import secrets
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from fastback.kit.json_decoding import decode_without_surrogates
from fastback.kit.pacing import let_others_run
from fastback.kit.storable_text import encode_without_surrogates, remove_nul_escapes

#: Bytes up to which a text takes only milliseconds, whatever it holds.
SMALL = 256 * 1024
#: Bytes from which a text takes long unless it is little more than a picture, and from which it does in any case.
_LARGE, _VERY_LARGE = 2 * 1024 * 1024, 16 * 1024 * 1024
#: Values that take some milliseconds, and those beside the pictures of a large text.
_FEW_VALUES, _VERY_FEW_VALUES = 80_000, 200
#: Objects and lists that are decoded at most, for the bytes of a text, and commas. Documents and vectors are far below;
#: `[[],[],…]` takes twenty times its size in memory, and the garbage collector looks at every list.
_MAX_CONTAINERS, _BYTES_OF_CONTAINER, _MAX_COMMAS = 20_000, 50, 5_000_000
#: Bytes of a piece.
_PIECE = 32 * 1024
#: Lists and objects inside of each other.
_MAX_DEPTH = 500
#: Seconds of work between two turns of the event loop.
_SLICE = 0.0007

_CLOSINGS = {ord("["): ord("]"), ord("{"): ord("}")}
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
#: The name of a value that an earlier piece has begun. It is random, so that no client can use it.
_CONTINUED = secrets.token_hex(16)
_PREFIXES = {ord("["): b"[", ord("{"): b'{"%b":' % _CONTINUED.encode()}


class InvalidJson(ValueError):
    """A text is no JSON at `position`."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class TooManyValues(ValueError):
    """A text has more values than memory should hold as objects."""


def is_quick(content: bytes) -> bool:
    """Return whether a text takes only milliseconds to decode: it is small, or consists of few, maybe long, strings."""
    if len(content) <= SMALL or len(content) > _VERY_LARGE:
        return len(content) <= SMALL
    limit = _FEW_VALUES if len(content) <= _LARGE else _VERY_FEW_VALUES
    values = 0
    for start in range(0, len(content), _PIECE):
        stop = start + _PIECE
        # Strings count, too. What is absent from a piece, as from a picture, is found out much faster than counted.
        values += sum(
            content.count(mark, start, stop) for mark in (b",", b"[", b"{") if content.find(mark, start, stop) >= 0
        )
        if values > limit:
            return False
    return True


async def decode_in_pieces(content: bytes, *, without_nul: bool = False) -> Any:
    """Decode a text to plain objects without holding the event loop; halves of surrogate pairs are left out.

    With `without_nul` NUL characters in its texts are left out, too.

    Raises:
        InvalidJson: it is no JSON.
        ValueError: it is too deep, or not in UTF-8.
        TooManyValues: its objects would take too much memory.
    """
    if await _has_many_marks(content):
        async for _ in _iterate_pieces(content):
            pass  # count the values before any object is made
    root: Any = None
    open_values: list[Any] = []
    with _pause_garbage_collector():
        async for piece in _iterate_pieces(content):
            value = _decode_piece(content, piece, without_nul=without_nul)
            if open_values:
                _join(open_values, value)
            else:
                root = value
            open_values = _list_open_values(root, piece)
    return root


async def _iterate_pieces(content: bytes) -> AsyncIterator[_Piece]:
    """Yield the pieces; between them the event loop runs."""
    slice_end = time.perf_counter() + _SLICE
    for piece in _split(content):
        if piece is not None:
            yield piece
        if time.perf_counter() > slice_end:
            await let_others_run()
            slice_end = time.perf_counter() + _SLICE


async def _has_many_marks(content: bytes) -> bool:
    """Return whether a text has more brackets or commas than values are decoded, those in strings included."""
    containers = commas = 0
    for start in range(0, len(content), SMALL):
        stop = start + SMALL
        containers += content.count(b"[", start, stop) + content.count(b"{", start, stop)
        commas += content.count(b",", start, stop)
        await let_others_run()
    return containers > _count_allowed_containers(content) or commas > _MAX_COMMAS


def _count_allowed_containers(content: bytes) -> int:
    return _MAX_CONTAINERS + len(content) // _BYTES_OF_CONTAINER


_decoding_count = 0


@contextmanager
def _pause_garbage_collector() -> Iterator[None]:
    """Let no collection look through the objects that are being made: a million of them take tens of milliseconds."""
    global _decoding_count
    _decoding_count += 1
    gc.disable()
    try:
        yield
    finally:
        _decoding_count -= 1
        if _decoding_count == 0:
            gc.enable()


async def decode_body(content: bytes) -> Any:
    """Decode the body of a request that was checked already, in pieces where it would hold the event loop.

    Raises:
        ValueError: it is no JSON, too deep, or has too many values.
    """
    return decode_without_surrogates(content) if is_quick(content) else await decode_in_pieces(content)


class _Cut(NamedTuple):
    """Where a piece ends, what is outside of strings in it, and where it has blanks alone: windows of them."""

    position: int
    structure: bytes
    blanks: list[tuple[int, int]]


class _Piece(NamedTuple):
    """The bytes from `start` to `stop` without `blanks`, and the brackets that are open before and after them."""

    start: int
    stop: int
    blanks: list[tuple[int, int]]
    open_before: bytes
    open_after: bytes

    def list_parts(self, content: bytes) -> list[memoryview]:
        view = memoryview(content)
        starts = [self.start, *(stop for _, stop in self.blanks)]
        stops = [*(start for start, _ in self.blanks), self.stop]
        return [view[start:stop] for start, stop in zip(starts, stops, strict=True)]


def _split(content: bytes) -> Iterator[_Piece | None]:
    """Yield the pieces, and None while the next one is searched."""
    start, brackets, containers, commas = 0, b"", 0, 0
    max_containers = _count_allowed_containers(content)
    while start <= len(content):
        stop, structure, blanks = yield from _find_cut(content, start)
        open_after = _follow_brackets(brackets, structure, stop)
        if bool(open_after) is (stop == len(content)):
            # The text ends too early, or goes on after its end.
            raise InvalidJson("Expecting value" if open_after else "Extra data", stop)
        containers += structure.count(b"[") + structure.count(b"{")
        commas += structure.count(b",")
        if containers > max_containers or commas > _MAX_COMMAS:
            raise TooManyValues
        yield _Piece(start, stop, blanks, brackets, open_after)
        start, brackets = stop + 1, open_after


def _find_cut(content: bytes, start: int) -> Generator[None, None, _Cut]:
    """Return the last comma between values within the length of a piece, or the first one behind a long string.

    Without a comma it is the end of the text.

    Raises:
        ValueError: there are so many brackets without a comma that the text is too deep.
    """
    structure: list[bytes] = []
    blanks: list[tuple[int, int]] = []
    in_string = False
    brackets = 0
    while start < len(content):
        window = content[start : start + _PIECE]
        if (len(window) - len(window.rstrip(b"\\"))) % 2:
            window += content[start + _PIECE : start + _PIECE + 1]  # do not cut an escaped character in two
        if in_string and b'"' not in window:
            start += len(window)
            yield
            continue
        if not in_string and not window.strip():
            blanks.append((start, start + len(window)))
            start += len(window)
            yield
            continue
        # Quotes in strings are replaced, so that the parts are in turn outside and inside of strings.
        parts = window.replace(b"\\\\", b"__").replace(b'\\"', b"__").split(b'"')
        outside = range(1 if in_string else 0, len(parts), 2)
        if start + len(window) < len(content):
            for index in reversed(outside):
                comma = parts[index].rfind(b",")
                if comma >= 0:
                    structure += [*parts[outside.start : index : 2], parts[index][:comma]]
                    return _Cut(start + sum(map(len, parts[:index])) + index + comma, b"".join(structure), blanks)
        structure += parts[outside.start :: 2]
        brackets += sum(len(part.translate(None, _NO_BRACKETS)) for part in parts[outside.start :: 2])
        if start + len(window) < len(content) and brackets > 2 * _MAX_DEPTH:
            raise ValueError("the JSON is too deep")
        yield
        in_string ^= len(parts) % 2 == 0
        start += len(window)
    return _Cut(len(content), b"".join(structure), blanks)


def _follow_brackets(brackets: bytes, structure: bytes, position: int) -> bytes:
    """Return the brackets that are open after a part of the text."""
    marks = structure.translate(None, _NO_BRACKETS)
    for _ in range(4):
        marks = marks.replace(b"{}", b"").replace(b"[]", b"")
    stack = list(brackets)
    for mark in marks:
        if mark in _CLOSINGS:
            stack.append(mark)
        elif not stack or _CLOSINGS[stack.pop()] != mark:
            raise InvalidJson("Expecting value", position)
    if len(stack) > _MAX_DEPTH:
        raise ValueError("the JSON is too deep")
    return bytes(stack)


def _decode_piece(content: bytes, piece: _Piece, *, without_nul: bool) -> Any:
    # A comma next to a bracket or another comma is invalid, but would not be seen within a piece.
    if piece.open_before and _find_first_mark(content, piece.start) in b"]},":
        raise InvalidJson("Expecting value", piece.start)
    if piece.open_after and _find_last_mark(content, piece.stop) in b"[{,":
        raise InvalidJson("Expecting value", piece.stop)
    prefix = b"".join(_PREFIXES[mark] for mark in piece.open_before[:-1]) + piece.open_before[-1:]
    suffix = bytes(_CLOSINGS[mark] for mark in reversed(piece.open_after))
    # A blank stays between the parts: it separates values.
    text = b"".join((prefix, b" ".join(piece.list_parts(content)), suffix))
    if without_nul:
        text = remove_nul_escapes(text)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise ValueError("the JSON is too deep") from error
    try:
        return msgspec.json.decode(encode_without_surrogates(json.loads(text)))
    except json.JSONDecodeError as error:
        raise InvalidJson(error.msg, piece.start + error.pos - len(prefix)) from None
    except RecursionError as error:
        raise ValueError("the JSON is too deep") from error


def _find_first_mark(content: bytes, start: int) -> bytes:
    """Return the first character from a position on that is no white space; nothing at the end of the text."""
    while start < len(content):
        if mark := content[start : start + _PIECE].lstrip()[:1]:
            return mark
        start += _PIECE
    return b""


def _find_last_mark(content: bytes, stop: int) -> bytes:
    """Return the last character before a position that is no white space; nothing at the beginning of the text."""
    while stop > 0:
        if mark := content[max(stop - _PIECE, 0) : stop].rstrip()[-1:]:
            return mark
        stop -= _PIECE
    return b""


def _join(open_values: list[Any], value: Any) -> None:
    """Add the value of a piece to the open values, outermost first, in place."""
    for depth, target in enumerate(open_values, 1):
        continued = None
        if depth < len(open_values):
            continued = value.pop(0) if isinstance(target, list) else value.pop(_CONTINUED)
        if isinstance(target, list):
            target += value
        else:
            target |= value
        value = continued


def _list_open_values(root: Any, piece: _Piece) -> list[Any]:
    """Return the objects and lists that are open after a piece: the outermost one, its last value, and so on.

    Raises:
        InvalidJson: an object has the same name twice, and the text is cut in the second value.
    """
    values: list[Any] = []
    for mark in piece.open_after:
        value = root
        if values:
            parent = values[-1]
            value = parent[-1] if isinstance(parent, list) else parent[next(reversed(parent))]
        if not isinstance(value, list if mark == ord("[") else dict):
            raise InvalidJson("Duplicate name", piece.stop)
        values.append(value)
    return values
