"""The worker's side of embedding with models on this machine."""

from __future__ import annotations

from typing import Any

from fastback.retrieval.embedding.loaded_model import LoadedModel
from fastback.retrieval.embedding.sentence_encoder import SentenceEncoder

_model = LoadedModel("The model", SentenceEncoder)


def handle(job: dict[str, Any]) -> list[bytes]:
    """Return a vector for each text of `{"model": directory, "texts": […], "prompt": text or null, "urgent": bool}`."""
    return _model(job["model"])(job["texts"], job["prompt"], urgent=job["urgent"])
