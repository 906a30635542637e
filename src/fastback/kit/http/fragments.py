"""A text message of a WebSocket whose parts are not joined yet."""

from __future__ import annotations

from typing import SupportsIndex

#: Bytes at the beginning that are a text.
_HEAD_SIZE = 1024


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

    def list_fragments_from(self, position: int) -> list[bytes]:
        """Return the text from a position near its beginning on."""
        start = self.skipped + len(str.__getitem__(self, slice(position)).encode(errors="surrogateescape"))
        return [self.fragments[0][start:], *self.fragments[1:]]
