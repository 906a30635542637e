"""Where the tokenizer of a model lies on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from fastback.config import Config
from fastback.retrieval.contracts import RetrievalError

_FILE = "tokenizer.json"


def _caches() -> list[Path]:
    """Where libraries keep models that they fetched."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    named = (os.environ.get("SENTENCE_TRANSFORMERS_HOME"), os.environ.get("HF_HUB_CACHE"))
    return [*(Path(one).expanduser() for one in named if one), home / "hub"]


def tokenizer_file(config: Config) -> Path:
    """The tokenizer of `rag.tokenizer_model`, or of the local embedding model where none is named.

    Raises:
        RetrievalError: no model is named, or its tokenizer is not here.
    """
    model = config.text("rag.tokenizer_model")
    if not model and not config.text("rag.embedding_engine"):
        model = config.text("rag.embedding_model")
    if not model:
        raise RetrievalError("Tokenizer model required for Token (Transformers) text splitter")
    given = Path(model).expanduser()
    for place in (given, given / _FILE):
        if place.is_file():
            return place
    name = model if "/" in model else f"sentence-transformers/{model}"
    folder = "models--" + name.replace("/", "--")
    for cache in _caches():
        found = sorted(cache.glob(f"{folder}/snapshots/*/{_FILE}"), key=lambda one: one.stat().st_mtime)
        if found:
            return found[-1]
    raise RetrievalError(
        f"The tokenizer of '{name}' is not on this machine. Name a folder with its {_FILE}, or split by characters."
    )
