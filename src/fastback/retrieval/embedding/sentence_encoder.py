"""Vectors of texts with a model on disk, as sentence-transformers computes them. Used by the worker only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fastback.retrieval.embedding import model_files, onnx_encoder
from fastback.retrieval.embedding.encoder import Encoder, UnsupportedModel
from fastback.retrieval.embedding.onnx_encoder import OnnxEncoder
from fastback.retrieval.embedding.safetensors import Array
from fastback.retrieval.embedding.thread_pool import ThreadPool

#: The steps of a sentence-transformers model that are supported.
_POOLING, _NORMALIZE = "Pooling", "Normalize"
_SUPPORTED_STEPS = ("Transformer", _POOLING, _NORMALIZE)
#: Modes of pooling token vectors into one; old models have a switch for each.
_POOLING_MODES = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


class SentenceEncoder:
    """A model in a directory.

    Raises:
        UnsupportedModel: its architecture is not supported.
        OSError, ValueError: its files are missing or broken.
    """

    def __init__(self, directory: Path) -> None:
        config = model_files.read_json(directory / "config.json")
        graph = onnx_encoder.find_onnx_file(directory)
        self._encoder = OnnxEncoder(config, graph) if graph else Encoder(config, model_files.load_weights(directory))
        self._pooling_mode, self._normalises, self._includes_prompt = _read_steps(directory)
        sizes = model_files.read_json(directory / "sentence_bert_config.json", {})
        self._tokenizer = model_files.create_tokenizer(directory, config, lower_case=bool(sizes.get("do_lower_case")))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(model_files.get_max_tokens(sizes, directory, self._encoder.max_tokens))
        self._prompt = model_files.get_default_prompt(directory)
        self._threads = ThreadPool()

    def __call__(self, texts: Sequence[str], prompt: str | None = None, *, urgent: bool = True) -> list[bytes]:
        """Return a vector for each text; `prompt` precedes each text and replaces the model's own prompt.

        Work that is not urgent leaves a core free, and has a low priority on the others.
        """
        prompt = self._prompt if prompt is None else prompt
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch([prompt + text for text in texts])]
        # The text begins after the prompt's tokens, of which the last would end a text.
        prompt_tokens = len(self._tokenizer.encode(prompt).ids) - 1 if prompt and not self._includes_prompt else 0
        vectors: list[bytes] = [b""] * len(tokens)

        def encode_share(share: Sequence[int]) -> None:
            for index, numbers in zip(share, self._encoder([tokens[index] for index in share]), strict=True):
                vectors[index] = self._pool_tokens(numbers[prompt_tokens:])

        self._threads([len(ids) for ids in tokens], encode_share, urgent=urgent)
        return vectors

    def _pool_tokens(self, numbers: Array) -> bytes:
        pooled = numbers[0] if self._pooling_mode == "cls" else numbers.mean(axis=0)
        if self._normalises:
            pooled = pooled / max(float(np.linalg.norm(pooled)), 1e-12)
        return bytes(pooled.astype("<f4").tobytes())


def _read_steps(directory: Path) -> tuple[str, bool, bool]:
    """Return the pooling mode, whether vectors are normalised, and whether the prompt's tokens are pooled.

    A model without a list of steps is a plain transformer: it uses the mean, as in sentence-transformers.
    """
    path = directory / "modules.json"
    if not path.is_file():
        return "mean", False, True
    pooling_mode, normalises, includes_prompt = "mean", False, True
    for step in msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]]):
        step_type = str(step.get("type")).rpartition(".")[2]
        if step_type not in _SUPPORTED_STEPS:
            raise UnsupportedModel(f"it has a step {step_type!r}")
        if step_type == _POOLING:
            pooling = model_files.read_json(directory / str(step.get("path")) / "config.json")
            pooling_mode = _read_pooling_mode(pooling)
            includes_prompt = pooling.get("include_prompt", True) is not False
        normalises = normalises or step_type == _NORMALIZE
    return pooling_mode, normalises, includes_prompt


def _read_pooling_mode(pooling: dict[str, Any]) -> str:
    mode = pooling.get("pooling_mode")
    if mode is None:
        switched = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True]
        mode = [_POOLING_MODES.get(name, name) for name in switched] or ["mean"]
    if isinstance(mode, list) and len(mode) == 1:
        mode = mode[0]
    if mode not in _POOLING_MODES.values():
        raise UnsupportedModel(f"it pools by {mode!r}")
    return str(mode)
