"""Reasoning that a model writes between tags in its text (`<think>…</think>`), told apart as it streams.

The cost of a piece does not depend on what came before it: only the few characters that may begin a tag are held back.
"""

from __future__ import annotations

from typing import Any

#: Pairs of tags that open and close reasoning, as models are known to write them.
PAIRS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reason>", "</reason>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("<Thought>", "</Thought>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
)


def pairs_of(setting: Any) -> tuple[tuple[str, str], ...]:
    """The tags that `reasoning_tags` asks for: None the usual ones, False none, `[open, close]` its own."""
    if setting is False:
        return ()
    if (
        isinstance(setting, (list, tuple))
        and len(setting) == 2
        and all(isinstance(one, str) and one for one in setting)
    ):
        return ((setting[0], setting[1]),)
    return PAIRS


class TagSplitter:
    """Splits text into `("text" | "reasoning", piece)`; remembers which tags the current reasoning has."""

    def __init__(self, pairs: tuple[tuple[str, str], ...] = PAIRS) -> None:
        self._pairs = pairs
        self._firsts = {pair[0][0] for pair in pairs}
        self._held = ""
        self.inside: tuple[str, str] | None = None

    def feed(self, piece: str) -> list[tuple[str, str]]:
        if not self._pairs:
            return [("text", piece)]
        text = self._held + piece
        self._held = ""
        if self.inside is None and not any(first in text for first in self._firsts):
            return [("text", text)]
        found: list[tuple[str, str]] = []
        while text:
            kind = "text" if self.inside is None else "reasoning"
            wanted = [pair[0] for pair in self._pairs] if self.inside is None else [self.inside[1]]
            place, tag = self._first(text, wanted)
            if tag is None:
                keep = self._partial(text, wanted)
                if len(text) > keep:
                    found.append((kind, text[: len(text) - keep]))
                self._held = text[len(text) - keep :] if keep else ""
                break
            if place:
                found.append((kind, text[:place]))
            text = text[place + len(tag) :]
            if self.inside is None:
                self.inside = next(pair for pair in self._pairs if pair[0] == tag)
                text = text.lstrip("\n")
                found.append(("open", ""))
            else:
                self.inside = None
                text = text.lstrip("\n")
                found.append(("close", ""))
        return found

    def end(self) -> list[tuple[str, str]]:
        """What was held back, when no more comes."""
        held, self._held = self._held, ""
        return [("text" if self.inside is None else "reasoning", held)] if held else []

    @staticmethod
    def _first(text: str, wanted: list[str]) -> tuple[int, str | None]:
        best, tag = len(text), None
        for one in wanted:
            place = text.find(one)
            if place != -1 and (place < best or (place == best and tag is not None and len(one) > len(tag))):
                best, tag = place, one
        return best, tag

    @staticmethod
    def _partial(text: str, wanted: list[str]) -> int:
        """How many characters at the end may be the beginning of a tag."""
        longest = 0
        for one in wanted:
            for size in range(min(len(one) - 1, len(text)), longest, -1):
                if text.endswith(one[:size]):
                    longest = size
                    break
        return longest
