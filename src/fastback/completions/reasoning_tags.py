"""Reasoning that a model writes between tags in its text (`<think>…</think>`), split from the text as it streams.

What a fragment costs does not depend on what came before it: only the few characters that may begin a tag wait.
"""

from __future__ import annotations

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
        self._tags = tags
        self._first_characters = {opening[0] for opening, _ in tags}
        #: The end of the text so far, where it may be the beginning of a tag.
        self._partial_tag = ""
        #: The tags around the current reasoning; None outside of reasoning.
        self.open_tags: Tags | None = None

    def feed(self, fragment: str) -> list[tuple[str, str]]:
        """Return what is certain with this fragment."""
        if not self._tags:
            return [("text", fragment)]
        text = self._partial_tag + fragment
        self._partial_tag = ""
        if self.open_tags is None and not any(character in text for character in self._first_characters):
            return [("text", text)]
        parts: list[tuple[str, str]] = []
        while text:
            kind = "text" if self.open_tags is None else "reasoning"
            tags = [opening for opening, _ in self._tags] if self.open_tags is None else [self.open_tags[1]]
            index, tag = _find_first_tag(text, tags)
            if tag is None:
                partial_length = _measure_partial_tag(text, tags)
                if len(text) > partial_length:
                    parts.append((kind, text[: len(text) - partial_length]))
                self._partial_tag = text[len(text) - partial_length :] if partial_length else ""
                break
            if index:
                parts.append((kind, text[:index]))
            text = text[index + len(tag) :].lstrip("\n")
            if self.open_tags is None:
                self.open_tags = next(pair for pair in self._tags if pair[0] == tag)
                parts.append(("open", ""))
            else:
                self.open_tags = None
                parts.append(("close", ""))
        return parts

    def end(self) -> list[tuple[str, str]]:
        """Return the text that might have begun a tag, now that no more comes."""
        text, self._partial_tag = self._partial_tag, ""
        return [("text" if self.open_tags is None else "reasoning", text)] if text else []


def _find_first_tag(text: str, tags: list[str]) -> tuple[int, str | None]:
    """Return where the first tag begins, and which it is; of several that begin there, the longest."""
    first_index, first_tag = len(text), None
    for tag in tags:
        index = text.find(tag)
        is_longer = first_tag is not None and len(tag) > len(first_tag)
        if index != -1 and (index < first_index or (index == first_index and is_longer)):
            first_index, first_tag = index, tag
    return first_index, first_tag


def _measure_partial_tag(text: str, tags: list[str]) -> int:
    """Return how many characters at the end may be the beginning of a tag."""
    longest = 0
    for tag in tags:
        for length in range(min(len(tag) - 1, len(text)), longest, -1):
            if text.endswith(tag[:length]):
                longest = length
                break
    return longest
