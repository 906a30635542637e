"""The worker's side of embedding with models on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastback.kit.workers.failures import JobFailed
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.encoder import UnknownModel
from fastback.retrieval.embedding.sentences import SentenceModel

#: By the directory, and what its weights were like then.
_loaded: dict[tuple[str, str], SentenceModel] = {}


def handle(job: dict[str, Any]) -> list[bytes]:
    """`{"model": directory, "texts": […], "prompt": text or null, "urgent": bool}`: a vector for each text."""
    return _model(job["model"])(job["texts"], job["prompt"], urgent=job["urgent"])


def _model(directory: str) -> SentenceModel:
    """The model of a directory; the last one that was used stays loaded."""
    key = (directory, models.state(Path(directory)))
    if key not in _loaded:
        try:
            made = SentenceModel(Path(directory))
        except UnknownModel as error:
            raise JobFailed(f"The model in {directory} cannot be used here: {error}.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JobFailed(f"The model in {directory} cannot be read: {error}") from error
        _loaded.clear()
        _loaded[key] = made
    return _loaded[key]
