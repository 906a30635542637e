"""Code in a Markdown text that streams: fenced blocks, and spans between backticks."""

from __future__ import annotations

import re

#: The beginning of a line that opens or closes a fenced block.
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)", re.MULTILINE)
_BACKTICKS = re.compile(r"`+")
#: Characters of a line in which the beginning of a code span is looked for.
_MAX_SPAN_LENGTH = 2000
#: Fragments that are looked at together, and characters of a long one.
_MAX_FRAGMENTS, _MAX_FRAGMENT_LENGTH = 256, 16 * 1024


class CodeTracker:
    """Tell whether the end of a Markdown text is inside of code. Fragments are only looked at when that is asked."""

    def __init__(self) -> None:
        self._fragments: list[str] = []
        #: The last line so far; of a long one its beginning is cut.
        self._line = ""
        #: What the open fenced block was opened with: the same character closes it, at least as often.
        self._fence = ""

    def add(self, text: str) -> None:
        self._fragments.append(text)
        if len(self._fragments) >= _MAX_FRAGMENTS or len(text) > _MAX_FRAGMENT_LENGTH:
            self._read_fragments()

    @property
    def is_inside(self) -> bool:
        """Whether the text is inside of a fenced block or a span."""
        self._read_fragments()
        return self._is_in_block or self._is_in_span

    @property
    def is_inside_span(self) -> bool:
        """Whether the text is inside of a span, and in no block."""
        self._read_fragments()
        return not self._is_in_block and self._is_in_span

    @property
    def _is_in_block(self) -> bool:
        return bool(self._fence or _FENCE.match(self._line))

    @property
    def _is_in_span(self) -> bool:
        opening = 0
        for match in _BACKTICKS.finditer(self._line):
            length = match.end() - match.start()
            if opening in (0, length):
                opening = length - opening
        return opening > 0

    def _read_fragments(self) -> None:
        text = self._line + "".join(self._fragments)
        self._fragments.clear()
        end = text.rfind("\n") + 1
        if "```" in text or "~~~" in text:
            for match in _FENCE.finditer(text, 0, end):
                self._pass_fence(match)
        self._line = text[max(end, len(text) - _MAX_SPAN_LENGTH) :]

    def _pass_fence(self, match: re.Match[str]) -> None:
        """Open or close a block at a line that may do so."""
        marks, info = match[1], match[2]
        if not self._fence:
            self._fence = "" if marks[0] == "`" and "`" in info else marks
        elif marks.startswith(self._fence) and not info.strip():
            self._fence = ""
