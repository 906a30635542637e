"""What an embedding engine is asked, and what the service needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Vector


class EmbeddingEngine(Protocol):
    """Makes vectors of the texts of one batch."""

    @property
    def fingerprint(self) -> str:
        """What vectors depend on besides text and prefix: two engines with the same mark make the same vectors."""
        ...

    async def embed_texts(
        self, texts: Sequence[str], prefix: str | None, *, urgent: bool, ctx: RequestContext | None
    ) -> list[Vector]:
        """A vector for each text, in order.

        Raises:
            RetrievalError: the engine cannot be reached, refuses, or is not there.
        """
        ...
