"""Errors that several stores raise."""

from __future__ import annotations

from fastback.retrieval.interfaces import DimensionMismatch


def build_dimension_error(expected: int, actual: int) -> DimensionMismatch:
    """Return the error for vectors of another length than the collection's, made by another embedding model."""
    return DimensionMismatch(
        f"Collection expecting embedding with dimension of {expected}, got {actual}. "
        "Was the embedding model changed? Reindex the documents then."
    )
