"""Chunks and questions for measurements of vector stores. Knows numpy alone, so that any Python can use it."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, WORDS, IN_FILE, TOPICS = 384, 150, 100, 400
QUESTIONS = 40
RARE = "word9876 word4321"
FILE = "file-3"


Array = np.ndarray[Any, Any]


class Library:
    """Chunks around some topics: vectors near their topic's, words as frequent as in a language."""

    def __init__(self, count: int) -> None:
        self._chance = np.random.default_rng(7)
        self._topics = self._chance.normal(size=(TOPICS, WIDTH))
        topics = self._chance.integers(0, TOPICS, count)
        self.vectors = self._unit(self._topics[topics] + self._chance.normal(size=(count, WIDTH)))
        self._words = [f"word{number}" for number in range(30_000)]

    @staticmethod
    def _unit(vectors: Array) -> Array:
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f4")

    def text(self, words: int = WORDS) -> str:
        places = np.minimum(self._chance.zipf(1.3, words) - 1, len(self._words) - 1)
        return " ".join(self._words[place] for place in places)

    def question(self) -> Array:
        topic = self._topics[self._chance.integers(0, TOPICS)]
        found: Array = self._unit((topic + self._chance.normal(size=WIDTH))[None])[0]
        return found

    def nearest(self, question: Array) -> set[int]:
        """The ten chunks that are nearest."""
        return set(np.argsort(-(self.vectors @ question))[:10].tolist())
