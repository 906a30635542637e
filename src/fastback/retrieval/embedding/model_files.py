"""The files of a model, in the formats of Hugging Face's libraries. Used by workers only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from tokenizers.normalizers import Lowercase, Sequence

from fastback.retrieval.embedding import safetensors
from fastback.retrieval.embedding.encoder import UnsupportedModel
from fastback.retrieval.embedding.models import WEIGHTS_FILE
from fastback.retrieval.embedding.safetensors import Array


def read_json(path: Path, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON object in a file, or `default` if the file does not exist."""
    if default is not None and not path.is_file():
        return default
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])


def load_weights(directory: Path) -> Mapping[str, Array]:
    """Return the weights by name.

    Raises:
        UnsupportedModel: the weights are in files of another kind.
        ValueError: the file is broken.
    """
    path = directory / WEIGHTS_FILE
    if not path.is_file():
        raise UnsupportedModel(f"it has no file {WEIGHTS_FILE}")
    return safetensors.load(path)


def create_tokenizer(directory: Path, config: dict[str, Any], *, lower_case: bool) -> Tokenizer:
    """Create the tokenizer; `config` is the content of config.json, `lower_case` ignores capitals."""
    if (directory / "tokenizer.json").is_file():
        tokenizer_model = Tokenizer.from_file(str(directory / "tokenizer.json"))
        if lower_case:  # by a normaliser: special tokens in the text have capitals
            tokenizer_model.normalizer = Sequence(
                [Lowercase(), *([tokenizer_model.normalizer] if tokenizer_model.normalizer is not None else [])]
            )
        return tokenizer_model
    if config.get("model_type") != "bert" or not (directory / "vocab.txt").is_file():
        raise UnsupportedModel("it has no file tokenizer.json")
    lower_case_setting = read_json(directory / "tokenizer_config.json", {}).get("do_lower_case", True)
    return BertWordPieceTokenizer(
        str(directory / "vocab.txt"), lowercase=bool(lower_case_setting) or lower_case
    )._tokenizer


def get_max_tokens(sizes: dict[str, Any], directory: Path, limit: int) -> int:
    """Return how many tokens of a text the model reads."""
    max_tokens = sizes.get("max_seq_length")
    if not isinstance(max_tokens, int):
        max_tokens = read_json(directory / "tokenizer_config.json", {}).get("model_max_length")
    return min(int(max_tokens), limit) if isinstance(max_tokens, (int, float)) and max_tokens > 0 else limit


def get_default_prompt(directory: Path) -> str:
    """Return the prompt that the model wants before every text by default."""
    config = read_json(directory / "config_sentence_transformers.json", {})
    prompts, name = config.get("prompts"), config.get("default_prompt_name")
    return str(prompts.get(name) or "") if isinstance(prompts, dict) and name else ""
