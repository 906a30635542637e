"""Vectors of texts with a model on disk, as sentence-transformers makes them. Used by the worker alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fastback.retrieval.embedding import model_files, onnx_encoder
from fastback.retrieval.embedding.encoder import Encoder, UnknownModel
from fastback.retrieval.embedding.onnx_encoder import OnnxEncoder
from fastback.retrieval.embedding.safetensors import Array
from fastback.retrieval.embedding.thread_pool import Sharing

#: The steps of a model of sentence-transformers, and those that are known here.
_POOLING, _NORMALIZE = "Pooling", "Normalize"
_STEPS = ("Transformer", _POOLING, _NORMALIZE)
#: Ways to make one vector of those of the tokens; old models name each with a switch of its own.
_WAYS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


class SentenceModel:
    """A model of a directory.

    Raises:
        UnknownModel: it is built in a way that is not known here.
        OSError, ValueError: its files are missing or broken.
    """

    def __init__(self, directory: Path) -> None:
        config = model_files.read(directory / "config.json")
        graph = onnx_encoder.find_file(directory)
        self._encoder = OnnxEncoder(config, graph) if graph else Encoder(config, model_files.weights(directory))
        self._way, self._normalises, self._with_prompt = _steps(directory)
        sizes = model_files.read(directory / "sentence_bert_config.json", {})
        self._tokenizer = model_files.tokenizer(directory, config, lower=bool(sizes.get("do_lower_case")))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(model_files.longest(sizes, directory, self._encoder.longest))
        self._prompt = model_files.default_prompt(directory)
        self._shared = Sharing()

    def __call__(self, texts: Sequence[str], prompt: str | None = None, *, urgent: bool = True) -> list[bytes]:
        """A vector for each text; `prompt` stands before each, and instead of the one that the model brings along.

        What is not urgent leaves a core free, and gives way on the others.
        """
        prompt = self._prompt if prompt is None else prompt
        tokens = [one.ids for one in self._tokenizer.encode_batch([prompt + text for text in texts])]
        # Behind the prompt's own tokens, without the one that ends a text, its text begins.
        skip = len(self._tokenizer.encode(prompt).ids) - 1 if prompt and not self._with_prompt else 0
        found: list[bytes] = [b""] * len(tokens)

        def work(share: Sequence[int]) -> None:
            for place, numbers in zip(share, self._encoder([tokens[one] for one in share]), strict=True):
                found[place] = self._vector(numbers[skip:])

        self._shared([len(one) for one in tokens], work, urgent=urgent)
        return found

    def _vector(self, numbers: Array) -> bytes:
        found = numbers[0] if self._way == "cls" else numbers.mean(axis=0)
        if self._normalises:
            found = found / max(float(np.linalg.norm(found)), 1e-12)
        return bytes(found.astype("<f4").tobytes())


def _steps(directory: Path) -> tuple[str, bool, bool]:
    """How tokens become a vector, whether that is made one long, whether a prompt's tokens count.

    A model without a list of steps is one of plain tokens: the mean counts then, as sentence-transformers has it.
    """
    path = directory / "modules.json"
    if not path.is_file():
        return "mean", False, True
    way, normalises, with_prompt = "mean", False, True
    for step in msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]]):
        kind = str(step.get("type")).rpartition(".")[2]
        if kind not in _STEPS:
            raise UnknownModel(f"it has a step {kind!r}")
        if kind == _POOLING:
            pooling = model_files.read(directory / str(step.get("path")) / "config.json")
            way = _way(pooling)
            with_prompt = pooling.get("include_prompt", True) is not False
        normalises = normalises or kind == _NORMALIZE
    return way, normalises, with_prompt


def _way(pooling: dict[str, Any]) -> str:
    chosen = pooling.get("pooling_mode")
    if chosen is None:
        switched = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True]
        chosen = [_WAYS.get(name, name) for name in switched] or ["mean"]
    if isinstance(chosen, list) and len(chosen) == 1:
        chosen = chosen[0]
    if chosen not in _WAYS.values():
        raise UnknownModel(f"it pools by {chosen!r}")
    return str(chosen)
