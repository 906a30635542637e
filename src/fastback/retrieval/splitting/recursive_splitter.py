"""Cutting at paragraphs, where those are too long at lines, then at blanks, then anywhere.

The rules are those of the splitter that Open WebUI uses, so that a text falls into the same chunks. It is cut at the
coarsest separator that it has; each separator begins the part behind it. Parts that are still too long are cut by the
next separator. Neighbours are put together up to the chunk's size; the next chunk begins with the last parts of the
one before it, as many as the overlap holds. Blanks around a chunk are left out.

As separators stay, parts are never copied: they are places in the text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

SEPARATORS = ("\n\n", "\n", " ")

#: The length of a piece of text.
Measure = Callable[[str], int]
#: Where a chunk begins, and its text.
Piece = tuple[int, str]
#: From where to where a part goes, and how long it is.
_Part = tuple[int, int, int]


class Recursive:
    """Cuts texts into chunks of a size; `measure` is `len` where characters count."""

    def __init__(self, size: int, overlap: int, measure: Measure = len) -> None:
        self._size = size
        self._overlap = overlap
        self._measure = measure
        # What nothing measures; tokenizers may put marks around it.
        self._nothing = measure("")

    def split(self, text: str) -> Iterator[Piece]:
        """The chunks, in order, each with the place where it begins."""
        if self._measure is not len:
            yield from self._cut(text, 0, len(text), 0)
            return
        # As Open WebUI finds them: the first place behind the overlap where the text is the chunk's. In a text that
        # repeats itself it is an earlier one.
        start = length = 0
        for _, chunk in self._cut(text, 0, len(text), 0) if len(text) >= self._size else _whole(text):
            start = text.find(chunk, max(0, start + length - self._overlap))
            length = len(chunk)
            yield start, chunk

    def _cut(self, text: str, first: int, last: int, level: int) -> Iterator[Piece]:
        while level < len(SEPARATORS) and text.find(SEPARATORS[level], first, last) < 0:
            level += 1
        if level == len(SEPARATORS):
            yield from self._anywhere(text, first, last)
            return
        short: list[_Part] = []
        for begin, end in _parts(text, first, last, SEPARATORS[level]):
            length = end - begin if self._measure is len else self._measure(text[begin:end])
            if length < self._size:
                short.append((begin, end, length))
                continue
            yield from self._merged(text, short)
            short = []
            yield from self._cut(text, begin, end, level + 1)
        yield from self._merged(text, short)

    def _anywhere(self, text: str, first: int, last: int) -> Iterator[Piece]:
        """Cut between any two characters. One that is too long by itself stays as it is, even a blank."""
        if self._measure is len and self._size > 1:
            # As below, and quicker. A chunk as large as its overlap still goes on, by a character.
            step = self._size - self._overlap or 1
            while first < last:
                yield from _stripped(text, first, min(first + self._size, last))
                first = first + step if first + self._size < last else last
            return
        short: list[_Part] = []
        for place in range(first, last):
            length = self._measure(text[place])
            if length < self._size:
                short.append((place, place + 1, length))
                continue
            yield from self._merged(text, short)
            short = []
            yield place, text[place]
        yield from self._merged(text, short)

    def _merged(self, text: str, parts: list[_Part]) -> Iterator[Piece]:
        """Neighbours put together up to the size of a chunk."""
        kept: deque[_Part] = deque()
        total, nothing = 0, self._nothing
        for part in parts:
            length = part[2]
            if total + length + (nothing if kept else 0) > self._size and kept:
                yield from _stripped(text, kept[0][0], kept[-1][1])
                while total > self._overlap or (total + length + (nothing if kept else 0) > self._size and total > 0):
                    total -= kept.popleft()[2] + (nothing if kept else 0)
            kept.append(part)
            total += length + (nothing if len(kept) > 1 else 0)
        if kept:
            yield from _stripped(text, kept[0][0], kept[-1][1])


def _whole(text: str) -> Iterator[Piece]:
    """A text that is a chunk by itself, unless there is nothing to see of it."""
    return _stripped(text, 0, len(text))


def _stripped(text: str, first: int, last: int) -> Iterator[Piece]:
    chunk = text[first:last]
    seen = chunk.lstrip()
    if seen:
        yield first + len(chunk) - len(seen), seen.rstrip()


def _parts(text: str, first: int, last: int, separator: str) -> Iterator[tuple[int, int]]:
    """The parts between separators, each with the separator before it; empty ones are left out."""
    begin = first
    place = text.find(separator, first, last)
    while place >= 0:
        if place > begin:
            yield begin, place
        begin = place
        place = text.find(separator, place + len(separator), last)
    if last > begin:
        yield begin, last
