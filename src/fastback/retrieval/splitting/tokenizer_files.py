"""Where the tokenizer of a model lies on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastback.config import Config
from fastback.config.keys.retrieval import RAG_EMBEDDING_ENGINE, RAG_EMBEDDING_MODEL, RAG_TOKENIZER_MODEL
from fastback.retrieval.embedding import models
from fastback.retrieval.interfaces import RetrievalError

_FILE = "tokenizer.json"


def tokenizer_file(config: Config, hubs: Sequence[Path] = (), cache: Path | None = None) -> Path:
    """The tokenizer of `rag.tokenizer_model`, or of the local embedding model where none is named.

    `hubs` are caches of Hugging Face besides the user's, `cache` is our own, where it is not the usual one.

    Raises:
        RetrievalError: no model is named, or its tokenizer is not here.
    """
    model = config.text(RAG_TOKENIZER_MODEL)
    if not model and not config.text(RAG_EMBEDDING_ENGINE):
        model = config.text(RAG_EMBEDDING_MODEL)
    if not model:
        raise RetrievalError("Tokenizer model required for Token (Transformers) text splitter")
    given = Path(model).expanduser()
    found = models.find(model, hubs, cache)
    for place in (given, given / _FILE, *([found / _FILE] if found is not None else [])):
        if place.is_file():
            return place
    raise RetrievalError(
        f"The tokenizer of '{models.full_name(model)}' is not on this machine. Name a folder with its {_FILE}, or "
        "split by characters."
    )
