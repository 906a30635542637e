"""Errors that several stores raise."""

from __future__ import annotations

from fastback.retrieval.interfaces import RetrievalError


def build_dimension_error(expected: int, actual: int) -> RetrievalError:
    """Return the error for vectors of another length than the collection's, made by another embedding model."""
    return RetrievalError(
        f"Collection expecting embedding with dimension of {expected}, got {actual}. "
        "Was the embedding model changed? Reindex the documents then."
    )
