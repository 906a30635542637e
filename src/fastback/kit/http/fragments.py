"""A text message of a WebSocket whose parts are not joined: freeing megabytes in one call holds the event loop."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import SupportsIndex

from fastback.kit.fragment_lists import free_fragments

#: Bytes at the beginning that are a text.
_HEAD_SIZE = 1024


class FragmentedBytes:
    """Bytes in parts; a slice of them is joined."""

    def __init__(self, fragments: list[bytes]) -> None:
        self._fragments = fragments
        self._starts = list(accumulate(map(len, fragments), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, key: slice) -> bytes:
        start, stop, _ = key.indices(self._starts[-1])
        if start >= stop:
            return b""
        first = bisect_right(self._starts, start) - 1
        if stop <= self._starts[first + 1]:
            offset = self._starts[first]
            return self._fragments[first][start - offset : stop - offset]
        last = bisect_right(self._starts, stop - 1) - 1
        return b"".join(
            (
                self._fragments[first][start - self._starts[first] :],
                *self._fragments[first + 1 : last],
                self._fragments[last][: stop - self._starts[last]],
            )
        )

    async def clear(self) -> None:
        """Free the fragments; the event loop runs meanwhile."""
        self._starts = [0]
        await free_fragments(self._fragments)


class FragmentedText(str):
    """The beginning of a long text. `text[1:]` is the text without its first character.

    Attributes:
        fragments: the whole text in UTF-8, which may be invalid.
        skipped: characters of ASCII before this text.
    """

    fragments: list[bytes]
    skipped: int = 0

    def __new__(cls, fragments: list[bytes]) -> FragmentedText:
        # A character that is cut, or invalid, stays as it is.
        text = super().__new__(cls, fragments[0][:_HEAD_SIZE].decode(errors="surrogateescape"))
        text.fragments = fragments
        return text

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        part = super().__getitem__(key)
        if key != slice(1, None):
            return part
        rest = str.__new__(FragmentedText, part)
        rest.fragments = self.fragments
        rest.skipped = self.skipped + 1
        return rest

    def take_bytes_from(self, position: int) -> FragmentedBytes:
        """Return the text from a position near its beginning on; the fragments are removed from this text."""
        start = self.skipped + len(str.__getitem__(self, slice(position)).encode(errors="surrogateescape"))
        fragments = [self.fragments[0][start:], *self.fragments[1:]]
        self.fragments.clear()
        return FragmentedBytes(fragments)
