"""Where large JSON is cut into pieces, for `json_pieces`: at commas between values, outside of strings.

The text is looked through in windows. What is large without a comma, as long strings and blanks, is left out of its
piece; it is a gap there.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from typing import NamedTuple

from fastback.kit.escaped_text import Content, find_cut, hide_escapes

#: Objects and lists that are decoded at most, for the bytes of a text, and commas. Documents and vectors are far below;
#: `[[],[],…]` takes twenty times its size in memory, and the garbage collector looks at every list.
_MAX_CONTAINERS, _BYTES_OF_CONTAINER, MAX_COMMAS = 20_000, 50, 5_000_000
#: Bytes of a piece.
PIECE_SIZE = 32 * 1024
#: Bytes of the part of a string that is decoded apart, and where in it at the latest that part begins.
MIN_TEXT_GAP, _FIRST_CUT = 4096, 64
#: Lists and objects inside of each other.
_MAX_DEPTH = 500

CLOSINGS = {ord("["): ord("]"), ord("{"): ord("}")}
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
#: What the mark of a gap begins with. It is random, so that no client can use it.
_MARK = secrets.token_hex(16)


class InvalidJson(ValueError):
    """A text is no JSON at `position`."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class TooManyValues(ValueError):
    """A text has more values than memory should hold as objects."""


def count_allowed_containers(content: Content) -> int:
    return _MAX_CONTAINERS + len(content) // _BYTES_OF_CONTAINER


class Gap(NamedTuple):
    """A part of a text that is not decoded with its piece: blanks, or the inside of a long string."""

    start: int
    stop: int
    is_text: bool

    @property
    def mark(self) -> str:
        """What replaces it in the string."""
        return f"{_MARK}{self.start}."


def _add_gap(gaps: list[Gap], start: int, stop: int, *, is_text: bool) -> None:
    """Add a gap, in place; one that goes on with the last one becomes a part of that."""
    if gaps and gaps[-1].stop == start and gaps[-1].is_text is is_text:
        start = gaps.pop().start
    gaps.append(Gap(start, stop, is_text))


class _Cut(NamedTuple):
    """Where a piece ends, what is outside of strings in it, and what is decoded apart (see `Piece`)."""

    position: int
    structure: bytes
    gaps: list[Gap]


class Piece(NamedTuple):
    """The bytes from `start` to `stop` without `gaps`, and the brackets that are open before and after them.

    A gap is a part of a long string, or blanks alone.
    """

    start: int
    stop: int
    gaps: list[Gap]
    open_before: bytes
    open_after: bytes

    def list_parts(self, content: Content) -> Iterator[bytes]:
        start = self.start
        for gap in self.gaps:
            yield content[start : gap.start]
            # A blank stays in the place of others: it separates values.
            yield gap.mark.encode() if gap.is_text else b" "
            start = gap.stop
        yield content[start : self.stop]


def split_pieces(content: Content) -> Iterator[Piece | None]:
    """Yield the pieces, and None while the next one is searched."""
    start, brackets, containers, commas = 0, b"", 0, 0
    max_containers = count_allowed_containers(content)
    while start <= len(content):
        stop, structure, gaps = yield from _find_cut(content, start)
        open_after = _follow_brackets(brackets, structure, stop)
        if bool(open_after) is (stop == len(content)):
            # The text ends too early, or goes on after its end.
            raise InvalidJson("Expecting value" if open_after else "Extra data", stop)
        containers += structure.count(b"[") + structure.count(b"{")
        commas += structure.count(b",")
        if containers > max_containers or commas > MAX_COMMAS:
            raise TooManyValues
        yield Piece(start, stop, gaps, brackets, open_after)
        start, brackets = stop + 1, open_after


def _find_cut(content: Content, start: int) -> Generator[None, None, _Cut]:
    """Return the last comma between values within the length of a piece, or the first one behind a long string.

    Without a comma it is the end of the text.

    Raises:
        ValueError: there are so many brackets without a comma that the text is too deep.
    """
    structure: list[bytes] = []
    gaps: list[Gap] = []
    in_string = False
    brackets = 0
    while start < len(content):
        window = content[start : start + PIECE_SIZE]
        if (len(window) - len(window.rstrip(b"\\"))) % 2:
            window += content[start + PIECE_SIZE : start + PIECE_SIZE + 1]  # do not cut an escaped character in two
        if in_string and b'"' not in window:
            start += _skip_text(gaps, window, start)
            yield
            continue
        if not in_string and not window.strip():
            _add_gap(gaps, start, start + len(window), is_text=False)
            start += len(window)
            yield
            continue
        # Quotes in strings are replaced, so that the parts are in turn outside and inside of strings.
        parts = hide_escapes(window).split(b'"')
        outside = range(1 if in_string else 0, len(parts), 2)
        if start + len(window) < len(content):
            for index in reversed(outside):
                comma = parts[index].rfind(b",")
                if comma >= 0:
                    structure += [*parts[outside.start : index : 2], parts[index][:comma]]
                    return _Cut(start + sum(map(len, parts[:index])) + index + comma, b"".join(structure), gaps)
        structure += parts[outside.start :: 2]
        brackets += sum(len(part.translate(None, _NO_BRACKETS)) for part in parts[outside.start :: 2])
        if start + len(window) < len(content) and brackets > 2 * _MAX_DEPTH:
            raise ValueError("the JSON is too deep")
        yield
        in_string ^= len(parts) % 2 == 0
        start += len(window)
    return _Cut(len(content), b"".join(structure), gaps)


def _skip_text(gaps: list[Gap], window: bytes, start: int) -> int:
    """Leave a window of a string, which begins at `start`, to a gap; return how many bytes of it."""
    if len(window) < MIN_TEXT_GAP:
        return len(window)
    is_first = not gaps or not gaps[-1].is_text or gaps[-1].stop != start
    # A gap begins and ends between two characters; the window before it may have ended inside of one.
    begin = find_cut(window, _FIRST_CUT) if is_first else 0
    length = find_cut(window, len(window))
    if begin < length:
        _add_gap(gaps, start + begin, start + length, is_text=True)
    return length or len(window)


def _follow_brackets(brackets: bytes, structure: bytes, position: int) -> bytes:
    """Return the brackets that are open after a part of the text."""
    marks = structure.translate(None, _NO_BRACKETS)
    for _ in range(4):
        marks = marks.replace(b"{}", b"").replace(b"[]", b"")
    stack = list(brackets)
    for mark in marks:
        if mark in CLOSINGS:
            stack.append(mark)
        elif not stack or CLOSINGS[stack.pop()] != mark:
            raise InvalidJson("Expecting value", position)
    if len(stack) > _MAX_DEPTH:
        raise ValueError("the JSON is too deep")
    return bytes(stack)
