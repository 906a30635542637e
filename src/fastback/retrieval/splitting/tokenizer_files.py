"""Locate the tokenizer of a model on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastback.config import Config
from fastback.config.keys.retrieval import RAG_EMBEDDING_ENGINE, RAG_EMBEDDING_MODEL, RAG_TOKENIZER_MODEL
from fastback.retrieval.embedding import models
from fastback.retrieval.interfaces import RetrievalError

_FILENAME = "tokenizer.json"


def get_tokenizer_file(config: Config, hubs: Sequence[Path] = (), cache: Path | None = None) -> Path:
    """Return the path of the tokenizer of `rag.tokenizer_model`, or of the local embedding model where that is not set.

    `hubs` are Hugging Face caches besides the user's own, `cache` is Fastback's cache where it is not the default one.

    Raises:
        RetrievalError: no model is configured, or its tokenizer is not on this machine.
    """
    model = config.get_text(RAG_TOKENIZER_MODEL)
    if not model and not config.get_text(RAG_EMBEDDING_ENGINE):
        model = config.get_text(RAG_EMBEDDING_MODEL)
    if not model:
        raise RetrievalError("Tokenizer model required for Token (Transformers) text splitter")
    model_path = Path(model).expanduser()
    snapshot = models.find_model(model, hubs, cache)
    for candidate in (model_path, model_path / _FILENAME, *([snapshot / _FILENAME] if snapshot is not None else [])):
        if candidate.is_file():
            return candidate
    raise RetrievalError(
        f"The tokenizer of '{models.get_full_name(model)}' is not on this machine. Name a folder with its "
        f"{_FILENAME}, or split by characters."
    )
