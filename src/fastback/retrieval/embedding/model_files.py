"""The files of a model, as Hugging Face's libraries write them. Used by workers alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from tokenizers.normalizers import Lowercase, Sequence

from fastback.retrieval.embedding import safetensors
from fastback.retrieval.embedding.encoder import UnknownModel
from fastback.retrieval.embedding.models import WEIGHTS
from fastback.retrieval.embedding.safetensors import Array


def read(path: Path, otherwise: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a file holds; `otherwise` where it is not there."""
    if otherwise is not None and not path.is_file():
        return otherwise
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])


def weights(directory: Path) -> Mapping[str, Array]:
    """The weights by name.

    Raises:
        UnknownModel: they lie in files of another kind.
        ValueError: their file is broken.
    """
    path = directory / WEIGHTS
    if not path.is_file():
        raise UnknownModel(f"it has no file {WEIGHTS}")
    return safetensors.load(path)


def tokenizer(directory: Path, config: dict[str, Any], *, lower: bool) -> Tokenizer:
    """What cuts texts into tokens; `config` is what config.json holds, `lower` whether capitals do not count."""
    if (directory / "tokenizer.json").is_file():
        made = Tokenizer.from_file(str(directory / "tokenizer.json"))
        if lower:  # not the text itself: tokens with a meaning of their own have capitals
            made.normalizer = Sequence([Lowercase(), *([made.normalizer] if made.normalizer is not None else [])])
        return made
    if config.get("model_type") != "bert" or not (directory / "vocab.txt").is_file():
        raise UnknownModel("it has no file tokenizer.json")
    said = read(directory / "tokenizer_config.json", {}).get("do_lower_case", True)
    return BertWordPieceTokenizer(str(directory / "vocab.txt"), lowercase=bool(said) or lower)._tokenizer


def longest(sizes: dict[str, Any], directory: Path, most: int) -> int:
    """Tokens of a text that count."""
    said = sizes.get("max_seq_length")
    if not isinstance(said, int):
        said = read(directory / "tokenizer_config.json", {}).get("model_max_length")
    return min(int(said), most) if isinstance(said, (int, float)) and said > 0 else most


def default_prompt(directory: Path) -> str:
    """What the model wants before every text where nobody says otherwise."""
    config = read(directory / "config_sentence_transformers.json", {})
    prompts, name = config.get("prompts"), config.get("default_prompt_name")
    return str(prompts.get(name) or "") if isinstance(prompts, dict) and name else ""
