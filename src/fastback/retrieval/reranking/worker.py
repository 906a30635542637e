"""The worker's side of reranking with models on this machine."""

from __future__ import annotations

from typing import Any

from fastback.retrieval.embedding.loaded_model import LoadedModel
from fastback.retrieval.reranking.cross_encoder import CrossEncoder

_model = LoadedModel("The reranking model", CrossEncoder)


def handle(job: dict[str, Any]) -> list[float]:
    """Return a score for each text of `{"model": directory, "sigmoid": true or false, "query": text, "texts": […]}`."""
    return _model(job["model"], sigmoid=job["sigmoid"])(job["query"], job["texts"])
