"""Texts to cut and how: made by a rule, so that only what Open WebUI's splitter made of them need be kept."""

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


def cases() -> Iterator[Case]:
    chosen = random.Random(7)
    for _ in range(60):
        count = chosen.randint(0, 60)
        text = "".join(chosen.choice(_PIECES) + chosen.choice(_ENDS) for _ in range(count))
        size = chosen.randint(1, 60)
        yield Case(text, size, chosen.randint(0, size))


def words(text: str) -> int:
    """A measure that finds something in everything, as tokenizers do that put marks around a text."""
    return len(text.split()) + 2
