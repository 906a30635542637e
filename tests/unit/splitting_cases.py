"""Texts to cut with sizes and overlaps: generated, so that only the recorded chunks of Open WebUI are stored."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

_PIECES = (
    "a", "bb", "ccc", "# x", "## y", "### z", "#no", "```", "~~~", "``` inline ```", "\t", "\xa0", "é", "日本語", " ",
    "longwordlongwordlongword", "  ", "\r", "\u200b", "| a |", "# ", "some more words here", "1. item", "- item",
)  # fmt: skip
_ENDS = ("\n", "\n\n", " ", "", "\n\n\n", "\n", " \n")


class Case(NamedTuple):
    text: str
    size: int
    overlap: int


def list_cases() -> Iterator[Case]:
    generator = random.Random(7)
    for _ in range(60):
        count = generator.randint(0, 60)
        text = "".join(generator.choice(_PIECES) + generator.choice(_ENDS) for _ in range(count))
        size = generator.randint(1, 60)
        yield Case(text, size, generator.randint(0, size))


def count_words(text: str) -> int:
    """Return the number of words plus two, like a tokenizer that puts marks around a text."""
    return len(text.split()) + 2
