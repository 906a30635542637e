"""Split at paragraphs; where those are too long at lines, then at spaces, then anywhere.

The rules are those of the splitter that Open WebUI uses, so that the chunks are the same. The text is split at the
coarsest separator in it; each separator begins the part that follows it. Parts that are still too long are split by the
next separator. Neighbours are merged up to the chunk size; the next chunk begins with the last parts of the previous
one, as many as the overlap allows. White space around a chunk is removed.

As separators are kept, parts are never copied: they are ranges in the text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

SEPARATORS = ("\n\n", "\n", " ")

#: A function that returns the length of a text.
Measure = Callable[[str], int]
#: The start of a chunk, and its text.
LocatedText = tuple[int, str]
#: The start, the end and the length of a part.
_MeasuredRange = tuple[int, int, int]


class RecursiveSplitter:
    """Split texts into chunks of a size. `measure` returns the length of a text; `len` counts characters."""

    def __init__(self, size: int, overlap: int, measure: Measure = len) -> None:
        self._size = size
        self._overlap = overlap
        self._measure = measure
        # The length of an empty text: tokenizers may add marks at the beginning and the end.
        self._empty_length = measure("")

    def split_text(self, text: str) -> Iterator[LocatedText]:
        """Yield the chunks in order, each with its start."""
        if self._measure is not len:
            yield from self._split_range(text, 0, len(text), 0)
            return
        # Open WebUI takes the first position after the overlap at which the chunk's text occurs. In a text that repeats
        # itself it is too early.
        start = length = 0
        for _, chunk in self._split_range(text, 0, len(text), 0) if len(text) >= self._size else _yield_whole(text):
            start = text.find(chunk, max(0, start + length - self._overlap))
            length = len(chunk)
            yield start, chunk

    def _split_range(self, text: str, first: int, last: int, level: int) -> Iterator[LocatedText]:
        while level < len(SEPARATORS) and text.find(SEPARATORS[level], first, last) < 0:
            level += 1
        if level == len(SEPARATORS):
            yield from self._split_anywhere(text, first, last)
            return
        short_parts: list[_MeasuredRange] = []
        for begin, end in _list_parts(text, first, last, SEPARATORS[level]):
            length = end - begin if self._measure is len else self._measure(text[begin:end])
            if length < self._size:
                short_parts.append((begin, end, length))
                continue
            yield from self._merge_parts(text, short_parts)
            short_parts = []
            yield from self._split_range(text, begin, end, level + 1)
        yield from self._merge_parts(text, short_parts)

    def _split_anywhere(self, text: str, first: int, last: int) -> Iterator[LocatedText]:
        """Split between any two characters. A single one that is too long becomes a chunk as it is, even a space."""
        if self._measure is len and self._size > 1:
            # The same as below, but faster. Where the overlap is as large as the chunk, each step is one character.
            step = self._size - self._overlap or 1
            while first < last:
                yield from _strip_range(text, first, min(first + self._size, last))
                first = first + step if first + self._size < last else last
            return
        short_parts: list[_MeasuredRange] = []
        for position in range(first, last):
            length = self._measure(text[position])
            if length < self._size:
                short_parts.append((position, position + 1, length))
                continue
            yield from self._merge_parts(text, short_parts)
            short_parts = []
            yield position, text[position]
        yield from self._merge_parts(text, short_parts)

    def _merge_parts(self, text: str, parts: list[_MeasuredRange]) -> Iterator[LocatedText]:
        """Merge neighbours up to the size of a chunk."""
        window: deque[_MeasuredRange] = deque()
        total, empty_length = 0, self._empty_length
        for part in parts:
            length = part[2]
            if total + length + (empty_length if window else 0) > self._size and window:
                yield from _strip_range(text, window[0][0], window[-1][1])
                while total > self._overlap or (
                    total + length + (empty_length if window else 0) > self._size and total > 0
                ):
                    total -= window.popleft()[2] + (empty_length if window else 0)
            window.append(part)
            total += length + (empty_length if len(window) > 1 else 0)
        if window:
            yield from _strip_range(text, window[0][0], window[-1][1])


def _yield_whole(text: str) -> Iterator[LocatedText]:
    """Yield the whole text as one chunk, unless it is only white space."""
    return _strip_range(text, 0, len(text))


def _strip_range(text: str, first: int, last: int) -> Iterator[LocatedText]:
    chunk = text[first:last]
    stripped = chunk.lstrip()
    if stripped:
        yield first + len(chunk) - len(stripped), stripped.rstrip()


def _list_parts(text: str, first: int, last: int, separator: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges between separators, each with the separator before it; empty ones are left out."""
    begin = first
    position = text.find(separator, first, last)
    while position >= 0:
        if position > begin:
            yield begin, position
        begin = position
        position = text.find(separator, position + len(separator), last)
    if last > begin:
        yield begin, last
