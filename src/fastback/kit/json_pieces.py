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
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from fastback.kit.escaped_text import Content, decode_escaped
from fastback.kit.fragment_lists import free_fragments
from fastback.kit.json_cuts import (
    CLOSINGS,
    MAX_COMMAS,
    PIECE_SIZE,
    InvalidJson,
    Piece,
    count_allowed_containers,
    split_pieces,
)
from fastback.kit.json_decoding import decode_without_surrogates
from fastback.kit.pacing import let_others_run
from fastback.kit.storable_text import encode_without_surrogates, remove_nul_escapes

#: Bytes up to which a text takes only milliseconds, whatever it holds.
SMALL = 256 * 1024
#: Bytes from which a text takes long unless it is little more than a picture, and from which it does in any case.
_LARGE, _VERY_LARGE = 2 * 1024 * 1024, 16 * 1024 * 1024
#: Values that take some milliseconds, and those beside the pictures of a large text.
_FEW_VALUES, _VERY_FEW_VALUES = 80_000, 200
#: Bytes whose marks one call counts: it takes a quarter of a millisecond where every byte is one.
_COUNTED_SIZE = 64 * 1024
#: Seconds of work between two turns of the event loop.
_SLICE = 0.0007

#: The name of a value that an earlier piece has begun. It is random, so that no client can use it.
_CONTINUED = secrets.token_hex(16)
_PREFIXES = {ord("["): b"[", ord("{"): b'{"%b":' % _CONTINUED.encode()}


def is_quick(content: bytes) -> bool:
    """Return whether a text takes only milliseconds to decode: it is small, or consists of few, maybe long, strings."""
    return len(content) <= SMALL or are_fragments_quick([content])


def are_fragments_quick(fragments: list[bytes]) -> bool:
    """Return what `is_quick` returns for a text in fragments."""
    size = sum(map(len, fragments))
    if size <= SMALL or size > _VERY_LARGE:
        return size <= SMALL
    limit = _FEW_VALUES if size <= _LARGE else _VERY_FEW_VALUES
    values = 0
    for content in fragments:
        for start in range(0, len(content), PIECE_SIZE):
            stop = start + PIECE_SIZE
            # Strings count, too. What is absent from a piece, as from a picture, is found out much faster than counted.
            values += sum(
                content.count(mark, start, stop) for mark in (b",", b"[", b"{") if content.find(mark, start, stop) >= 0
            )
            if values > limit:
                return False
    return True


async def decode_in_pieces(content: Content, *, without_nul: bool = False) -> Any:
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
            texts = {
                gap.mark: await decode_escaped(content, gap.start, gap.stop, without_nul=without_nul)
                for gap in piece.gaps
                if gap.is_text
            }
            if texts:
                value = _fill_in(value, texts)
                for slices in texts.values():
                    await free_fragments(slices)
            if open_values:
                _join(open_values, value)
            else:
                root = value
            open_values = _list_open_values(root, piece)
    return root


async def _iterate_pieces(content: Content) -> AsyncIterator[Piece]:
    """Yield the pieces; between them the event loop runs."""
    slice_end = time.perf_counter() + _SLICE
    for piece in split_pieces(content):
        if piece is not None:
            yield piece
        if time.perf_counter() > slice_end:
            await let_others_run()
            slice_end = time.perf_counter() + _SLICE


async def _has_many_marks(content: Content) -> bool:
    """Return whether a text has more brackets or commas than values are decoded, those in strings included."""
    containers = commas = 0
    for start in range(0, len(content), _COUNTED_SIZE):
        part = content[start : start + _COUNTED_SIZE]
        containers += part.count(b"[") + part.count(b"{")
        commas += part.count(b",")
        await let_others_run()
    return containers > count_allowed_containers(content) or commas > MAX_COMMAS


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


def _fill_in(value: Any, texts: dict[str, list[str]]) -> Any:
    """Return the value with texts, which are in slices, in the places of their marks."""
    if isinstance(value, str):
        return _replace_marks(value, texts)
    if isinstance(value, list):
        return [_fill_in(member, texts) for member in value]
    if isinstance(value, dict):
        return {_replace_marks(name, texts): _fill_in(member, texts) for name, member in value.items()}
    return value


def _replace_marks(value: str, texts: dict[str, list[str]]) -> str:
    """Return a string with texts in the places of their marks, copied once: they may have megabytes."""
    parts: list[str] = []
    for mark, slices in texts.items():
        before, matched, after = value.partition(mark)
        if matched:
            parts += (before, *slices)
            value = after
    return "".join((*parts, value)) if parts else value


def _decode_piece(content: Content, piece: Piece, *, without_nul: bool) -> Any:
    # A comma next to a bracket or another comma is invalid, but would not be seen within a piece.
    if piece.open_before and _find_first_mark(content, piece.start) in b"]},":
        raise InvalidJson("Expecting value", piece.start)
    if piece.open_after and _find_last_mark(content, piece.stop) in b"[{,":
        raise InvalidJson("Expecting value", piece.stop)
    prefix = b"".join(_PREFIXES[mark] for mark in piece.open_before[:-1]) + piece.open_before[-1:]
    suffix = bytes(CLOSINGS[mark] for mark in reversed(piece.open_after))
    text = b"".join((prefix, *piece.list_parts(content), suffix))
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


def _find_first_mark(content: Content, start: int) -> bytes:
    """Return the first character from a position on that is no white space; nothing at the end of the text."""
    while start < len(content):
        if mark := content[start : start + PIECE_SIZE].lstrip()[:1]:
            return mark
        start += PIECE_SIZE
    return b""


def _find_last_mark(content: Content, stop: int) -> bytes:
    """Return the last character before a position that is no white space; nothing at the beginning of the text."""
    while stop > 0:
        if mark := content[max(stop - PIECE_SIZE, 0) : stop].rstrip()[-1:]:
            return mark
        stop -= PIECE_SIZE
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


def _list_open_values(root: Any, piece: Piece) -> list[Any]:
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
