"""Chunks and questions for measurements of vector stores. Import numpy alone, so that any Python can run it."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, WORDS, CHUNKS_PER_FILE, TOPICS = 384, 150, 100, 400
QUESTIONS = 40
RARE = "word9876 word4321"
FILE = "file-3"


Array = np.ndarray[Any, Any]


class Library:
    """Chunks around topics: vectors are close to that of their topic, words have the frequencies of a language."""

    def __init__(self, count: int) -> None:
        self._rng = np.random.default_rng(7)
        self._topics = self._rng.normal(size=(TOPICS, WIDTH))
        topics = self._rng.integers(0, TOPICS, count)
        self.vectors = self._normalise(self._topics[topics] + self._rng.normal(size=(count, WIDTH)))
        self._words = [f"word{number}" for number in range(30_000)]

    @staticmethod
    def _normalise(vectors: Array) -> Array:
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f4")

    def make_text(self, words: int = WORDS) -> str:
        indexes = np.minimum(self._rng.zipf(1.3, words) - 1, len(self._words) - 1)
        return " ".join(self._words[index] for index in indexes)

    def make_question(self) -> Array:
        topic = self._topics[self._rng.integers(0, TOPICS)]
        vector: Array = self._normalise((topic + self._rng.normal(size=WIDTH))[None])[0]
        return vector

    def find_nearest(self, question: Array) -> set[int]:
        """Return the numbers of the ten nearest chunks."""
        return set(np.argsort(-(self.vectors @ question))[:10].tolist())
