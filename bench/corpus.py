"""Texts for measurements of retrieval: random words with the frequencies of a language, and a unique fact in each."""

from __future__ import annotations

import random
import re
from functools import cache

_SYLLABLES = tuple(re.findall("..", "bacedifoguhajekilomunaperisotuvawexiyozu"))
#: Number of words in the vocabulary.
WORDS = 8000


@cache
def _build_vocabulary() -> tuple[list[str], list[float]]:
    rng = random.Random(7)
    words = list({"".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(3 * WORDS)})
    words.sort()
    rng.shuffle(words)
    return words[:WORDS], [1.0 / (index + 2.7) for index in range(WORDS)]


def make_prose(rng: random.Random, length: int) -> str:
    """Return sentences of about this many characters in total."""
    words, weights = _build_vocabulary()
    sentences: list[str] = []
    size = 0
    while size < length:
        sentence = " ".join(rng.choices(words, weights, k=rng.randint(6, 16))).capitalize() + "."
        sentences.append(sentence)
        size += len(sentence) + 1
    return " ".join(sentences)


def make_fact(number: int) -> str:
    """Return the fact that only this document contains."""
    return f"The depot of lot {number:05d} lies in Hall {number * 7 % 97} behind door K{number * 13 % 1009}."


def make_question(number: int) -> str:
    return f"Where is the depot of lot {number:05d}?"


def make_document(number: int, length: int = 5000) -> str:
    """Return a text of a few pages with its fact in the middle."""
    rng = random.Random(number)
    half = length // 2
    return f"{make_prose(rng, half)}\n\n{make_fact(number)}\n\n{make_prose(rng, length - half)}"


def make_chunk(number: int) -> str:
    """Return a chunk of the size that splitting produces, with its fact."""
    rng = random.Random(1_000_000 + number)
    return f"{make_prose(rng, 700)} {make_fact(number)}"
