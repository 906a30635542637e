"""The protocol between the embedding service and its engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Vector


class EmbeddingEngine(Protocol):
    """Computes the vectors of one batch of texts."""

    @property
    def fingerprint(self) -> str:
        """Return what vectors depend on besides text and prefix: equal fingerprints, equal vectors."""
        ...

    async def embed_texts(
        self, texts: Sequence[str], prefix: str | None, *, urgent: bool, ctx: RequestContext | None
    ) -> list[Vector]:
        """Return a vector for each text, in order.

        Raises:
            RetrievalError: the engine is unreachable, refuses, or is missing.
        """
        ...
