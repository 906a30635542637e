"""Reasoning that a model writes between tags in its text (`<think>…</think>`), split from the text as it streams.

What a fragment costs does not depend on what came before it: only the few characters that may begin a tag wait. A tag
inside of code, a fenced block or a span between backticks, is text: the answer speaks of it.
"""

from __future__ import annotations

import functools
import re
from typing import Any

Tags = tuple[str, str]

#: Pairs of tags that open and close reasoning, as models are known to write them.
DEFAULT_TAGS: tuple[Tags, ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reason>", "</reason>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("<Thought>", "</Thought>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
)


def parse_reasoning_tags(setting: Any) -> tuple[Tags, ...]:
    """Return the tags of the parameter `reasoning_tags`: none for False, the given pair, or the default."""
    if setting is False:
        return ()
    if (
        isinstance(setting, (list, tuple))
        and len(setting) == 2
        and all(isinstance(tag, str) and tag for tag in setting)
    ):
        return ((setting[0], setting[1]),)
    return DEFAULT_TAGS


class TagSplitter:
    """Split text into `("text" | "reasoning", fragment)`, with `("open", "")` and `("close", "")` for the tags."""

    def __init__(self, tags: tuple[Tags, ...] = DEFAULT_TAGS) -> None:
        self._pairs = {opening: (opening, closing) for opening, closing in tags}
        self._opening = _get_pattern(tuple(self._pairs)) if tags else None
        self._closing: _TagPattern | None = None
        self._code = _CodeTracker()
        #: The end of the text so far, where it may be the beginning of a tag.
        self._partial_tag = ""
        #: The tags around the current reasoning; None outside of reasoning.
        self.open_tags: Tags | None = None

    def feed(self, fragment: str) -> list[tuple[str, str]]:
        """Return what is certain with this fragment."""
        if self._opening is None:
            return [("text", fragment)]
        text = self._partial_tag + fragment
        self._partial_tag = ""
        if self.open_tags is None and not self._opening.may_begin(text):
            self._code.add(text)
            return [("text", text)]
        parts: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            position = (
                self._split_text(text, position, parts)
                if self.open_tags is None
                else self._split_reasoning(text, position, parts)
            )
        return parts

    def _split_text(self, text: str, start: int, parts: list[tuple[str, str]]) -> int:
        """Add the text from `start` to the next opening tag, and return where to go on."""
        assert self._opening is not None
        position = start
        while match := self._opening.search(text, position):
            self._code.add(text[position : match.start()])
            if not self._code.is_inside:
                if match.start() > start:
                    parts.append(("text", text[start : match.start()]))
                self.open_tags = self._pairs[match[0]]
                self._closing = _get_pattern((self.open_tags[1],))
                parts.append(("open", ""))
                return _skip_line_ends(text, match.end())
            self._code.add(match[0])
            position = match.end()
        end = self._keep_partial_tag(text, position, self._opening)
        self._code.add(text[position:end])
        if end > start:
            parts.append(("text", text[start:end]))
        return len(text)

    def _split_reasoning(self, text: str, start: int, parts: list[tuple[str, str]]) -> int:
        """Add the reasoning from `start` to the closing tag, and return where to go on."""
        assert self._closing is not None
        match = self._closing.search(text, start)
        end = match.start() if match else self._keep_partial_tag(text, start, self._closing)
        if end > start:
            parts.append(("reasoning", text[start:end]))
        if match is None:
            return len(text)
        self.open_tags = None
        parts.append(("close", ""))
        return match.end()

    def _keep_partial_tag(self, text: str, start: int, pattern: _TagPattern) -> int:
        """Keep the end of the text where it may begin a tag, and return where it begins."""
        end = len(text) - pattern.measure_partial_tag(text, start)
        self._partial_tag = text[end:]
        return end

    def end(self) -> list[tuple[str, str]]:
        """Return the text that might have begun a tag, now that no more comes."""
        text, self._partial_tag = self._partial_tag, ""
        return [("text" if self.open_tags is None else "reasoning", text)] if text else []


class _TagPattern:
    """A search for the first of several tags, and for the longest where several begin at one place."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self.search = re.compile("|".join(map(re.escape, sorted(tags, key=len, reverse=True)))).search
        self._first_characters = tuple({tag[0] for tag in tags})
        self._beginnings = {tag[:length] for tag in tags for length in range(1, len(tag))}
        self._max_length = max(map(len, tags)) - 1

    def may_begin(self, text: str) -> bool:
        """Return whether a text holds a character that a tag begins with."""
        for character in self._first_characters:  # noqa: SIM110 (a generator costs each token twice as much)
            if character in text:
                return True
        return False

    def measure_partial_tag(self, text: str, start: int) -> int:
        """Return how many characters at the end of a text, after `start`, may be the beginning of a tag."""
        for length in range(min(self._max_length, len(text) - start), 0, -1):
            if text[-length:] in self._beginnings:
                return length
        return 0


#: Patterns are shared by all answers; users may set tags of their own.
_get_pattern = functools.lru_cache(maxsize=64)(_TagPattern)


def _skip_line_ends(text: str, position: int) -> int:
    while text[position : position + 1] == "\n":
        position += 1
    return position


#: The beginning of a line that opens or closes a fenced block.
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)", re.MULTILINE)
_BACKTICKS = re.compile(r"`+")
#: Characters of a line in which the beginning of a code span is looked for.
_MAX_SPAN_LENGTH = 2000
#: Fragments that are looked at together, and characters of a long one.
_MAX_FRAGMENTS, _MAX_FRAGMENT_LENGTH = 256, 16 * 1024


class _CodeTracker:
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
        self._read_fragments()
        if self._fence or _FENCE.match(self._line):
            return True
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
