"""The worker's side of reranking with models on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastback.kit.workers.failures import JobFailed
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.encoder import UnknownModel
from fastback.retrieval.reranking.pairs import PairModel

#: By the directory, what its weights were like then, and what is made of scores.
_loaded: dict[tuple[str, str, bool], PairModel] = {}


def handle(job: dict[str, Any]) -> list[float]:
    """`{"model": directory, "sigmoid": true or false, "query": text, "texts": […]}`: a score for each text."""
    return _model(job["model"], job["sigmoid"])(job["query"], job["texts"])


def _model(directory: str, sigmoid: bool) -> PairModel:
    """The model of a directory; the last one that was used stays loaded."""
    key = (directory, models.state(Path(directory)), sigmoid)
    if key not in _loaded:
        try:
            made = PairModel(Path(directory), sigmoid=sigmoid)
        except UnknownModel as error:
            raise JobFailed(f"The reranking model in {directory} cannot be used here: {error}.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JobFailed(f"The reranking model in {directory} cannot be read: {error}") from error
        _loaded.clear()
        _loaded[key] = made
    return _loaded[key]
