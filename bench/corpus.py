"""Texts to measure retrieval with: words by chance, as frequent as in a language, and in each a fact of its own."""

from __future__ import annotations

import random
import re
from functools import cache

_SYLLABLES = tuple(re.findall("..", "bacedifoguhajekilomunaperisotuvawexiyozu"))
#: Different words of the language.
WORDS = 8000


@cache
def _language() -> tuple[list[str], list[float]]:
    rng = random.Random(7)
    words = list({"".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(3 * WORDS)})
    words.sort()
    rng.shuffle(words)
    return words[:WORDS], [1.0 / (place + 2.7) for place in range(WORDS)]


def prose(rng: random.Random, length: int) -> str:
    """About so many characters, in sentences."""
    words, weights = _language()
    found: list[str] = []
    size = 0
    while size < length:
        sentence = " ".join(rng.choices(words, weights, k=rng.randint(6, 16))).capitalize() + "."
        found.append(sentence)
        size += len(sentence) + 1
    return " ".join(found)


def fact(number: int) -> str:
    """What a document says that no other does."""
    return f"The depot of lot {number:05d} lies in Hall {number * 7 % 97} behind door K{number * 13 % 1009}."


def question(number: int) -> str:
    return f"Where is the depot of lot {number:05d}?"


def document(number: int, length: int = 5000) -> str:
    """A text of some pages with its fact in the middle."""
    rng = random.Random(number)
    half = length // 2
    return f"{prose(rng, half)}\n\n{fact(number)}\n\n{prose(rng, length - half)}"


def chunk(number: int) -> str:
    """A chunk as splitting makes them, with its fact."""
    rng = random.Random(1_000_000 + number)
    return f"{prose(rng, 700)} {fact(number)}"
