"""Tags that a model writes in its text, split from it as it streams: around reasoning (`<think>…</think>`), and around
code that is to run (`<code_interpreter type="code" lang="python">…</code_interpreter>`).

What a fragment costs does not depend on what came before it: only the few characters that may begin a tag wait. A tag
inside of code, a fenced block or a span between backticks, is text: the answer speaks of it. Models do write code that
is to run into fenced blocks, so there only a span makes its tag text.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from fastback.completions.markdown_code import CodeTracker

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
#: The tags around code, without their attributes.
CODE_TAGS: Tags = ("<code_interpreter>", "</code_interpreter>")

_CODE_TAG_START = CODE_TAGS[0][:-1]
#: Characters of the attributes of a tag.
_MAX_ATTRIBUTES = 200
_CODE_TAG = rf"{_CODE_TAG_START}(?:[ \t][^<>\n]{{0,{_MAX_ATTRIBUTES}}})?>"
_ATTRIBUTE = re.compile(r'(?<!\w)(\w+)[ \t]*=[ \t]*"([^"]+)"')


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


def parse_attributes(tag: str) -> dict[str, str]:
    """Return the attributes of an opening tag."""
    return dict(_ATTRIBUTE.findall(tag))


class TagSplitter:
    """Split text into `(kind, fragment)`.

    The kinds are `text`, `reasoning` and `code`; `open` and `close` are the tags of reasoning, `open_code` (the
    fragment is the tag) and `close_code` those of code, which is only found where `finds_code`.
    """

    def __init__(self, tags: tuple[Tags, ...] = DEFAULT_TAGS, *, finds_code: bool = False) -> None:
        self._pairs = {opening: (opening, closing) for opening, closing in tags}
        self._opening = _get_pattern(tuple(self._pairs), finds_code) if tags or finds_code else None
        self.reset()

    def reset(self) -> None:
        """Begin another text."""
        self._closing: _TagPattern | None = None
        self._markdown = CodeTracker()
        #: The end of the text so far, where it may be the beginning of a tag.
        self._partial_tag = ""
        #: The tags around the current reasoning; None outside of reasoning.
        self.open_tags: Tags | None = None
        #: What comes now: `text`, or what is between tags.
        self._kind = "text"

    def feed(self, fragment: str) -> list[tuple[str, str]]:
        """Return what is certain with this fragment."""
        if self._opening is None:
            return [("text", fragment)]
        text = self._partial_tag + fragment
        self._partial_tag = ""
        if self._kind == "text" and not self._opening.may_begin(text):
            self._markdown.add(text)
            return [("text", text)]
        parts: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            position = (
                self._split_text(text, position, parts)
                if self._kind == "text"
                else self._split_enclosed(text, position, parts)
            )
        return parts

    def _split_text(self, text: str, start: int, parts: list[tuple[str, str]]) -> int:
        """Add the text from `start` to the next opening tag, and return where to go on."""
        assert self._opening is not None
        position = start
        while match := self._opening.search(text, position):
            self._markdown.add(text[position : match.start()])
            pair = self._pairs.get(match[0])
            if not (self._markdown.is_inside if pair else self._markdown.is_inside_span):
                if match.start() > start:
                    parts.append(("text", text[start : match.start()]))
                parts.append(self._open(match[0], pair))
                return _skip_line_ends(text, match.end())
            self._markdown.add(match[0])
            position = match.end()
        end = self._keep_partial_tag(text, position, self._opening)
        self._markdown.add(text[position:end])
        if end > start:
            parts.append(("text", text[start:end]))
        return len(text)

    def _open(self, tag: str, pair: Tags | None) -> tuple[str, str]:
        self.open_tags = pair
        self._kind = "reasoning" if pair else "code"
        self._closing = _get_pattern(((pair or CODE_TAGS)[1],))
        return ("open", "") if pair else ("open_code", tag)

    def _split_enclosed(self, text: str, start: int, parts: list[tuple[str, str]]) -> int:
        """Add what is between tags from `start` to the closing tag, and return where to go on."""
        assert self._closing is not None
        match = self._closing.search(text, start)
        end = match.start() if match else self._keep_partial_tag(text, start, self._closing)
        if end > start:
            parts.append((self._kind, text[start:end]))
        if match is None:
            return len(text)
        parts.append(("close" if self._kind == "reasoning" else "close_code", ""))
        self.open_tags = None
        self._kind = "text"
        return match.end()

    def _keep_partial_tag(self, text: str, start: int, pattern: _TagPattern) -> int:
        """Keep the end of the text where it may begin a tag, and return where it begins."""
        end = len(text) - pattern.measure_partial_tag(text, start)
        self._partial_tag = text[end:]
        return end

    def end(self) -> list[tuple[str, str]]:
        """Return the text that might have begun a tag, now that no more comes."""
        text, self._partial_tag = self._partial_tag, ""
        return [(self._kind, text)] if text else []


class _TagPattern:
    """A search for the first of several tags, and for the longest where several begin at one place."""

    def __init__(self, tags: tuple[str, ...], finds_code: bool = False) -> None:
        patterns = [re.escape(tag) for tag in sorted(tags, key=len, reverse=True)]
        self.search = re.compile("|".join([*patterns, _CODE_TAG] if finds_code else patterns)).search
        self._finds_code = finds_code
        self._first_characters = tuple({tag[0] for tag in (*tags, *(CODE_TAGS[:1] if finds_code else ()))})
        self._beginnings = {tag[:length] for tag in tags for length in range(1, len(tag))}
        self._max_length = max(map(len, tags), default=1) - 1

    def may_begin(self, text: str) -> bool:
        """Return whether a text holds a character that a tag begins with."""
        for character in self._first_characters:  # noqa: SIM110 (a generator costs each token twice as much)
            if character in text:
                return True
        return False

    def measure_partial_tag(self, text: str, start: int) -> int:
        """Return how many characters at the end of a text, after `start`, may be the beginning of a tag."""
        code_length = _measure_partial_code_tag(text, start) if self._finds_code else 0
        for length in range(min(self._max_length, len(text) - start), code_length, -1):
            if text[-length:] in self._beginnings:
                return length
        return code_length


def _measure_partial_code_tag(text: str, start: int) -> int:
    position = text.rfind("<", max(start, len(text) - len(_CODE_TAG_START) - _MAX_ATTRIBUTES - 1))
    if position < 0:
        return 0
    end = text[position:]
    name, attributes = end[: len(_CODE_TAG_START)], end[len(_CODE_TAG_START) :]
    if not _CODE_TAG_START.startswith(name):
        return 0
    return 0 if attributes and (attributes[0] not in " \t" or ">" in attributes or "\n" in attributes) else len(end)


#: Patterns are shared by all answers; users may set tags of their own.
_get_pattern = functools.lru_cache(maxsize=64)(_TagPattern)


def _skip_line_ends(text: str, position: int) -> int:
    while text[position : position + 1] == "\n":
        position += 1
    return position
