"""What several stores say."""

from __future__ import annotations

from fastback.retrieval.interfaces import RetrievalError


def build_dimension_error(expected: int, actual: int) -> RetrievalError:
    """What is said when the embedding model makes other vectors than a collection holds."""
    return RetrievalError(
        f"Collection expecting embedding with dimension of {expected}, got {actual}. "
        "Was the embedding model changed? Reindex the documents then."
    )
