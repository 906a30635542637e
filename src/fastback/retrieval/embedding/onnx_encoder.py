"""Encoders that come as an ONNX file, computed by onnxruntime where it is installed. Used by the worker alone.

Models of sentence-transformers bring one along as `onnx/model.onnx`, beside their weights. It computes what
`encoder.Encoder` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fastback.retrieval.embedding.encoder import KINDS, UnknownModel
from fastback.retrieval.embedding.models import ONNX
from fastback.retrieval.embedding.safetensors import Array

_IDS, _MASK, _KINDS = "input_ids", "attention_mask", "token_type_ids"


def find_file(directory: Path) -> Path | None:
    """Return the model's ONNX file; None where it has none, or onnxruntime is not installed."""
    path = directory / ONNX
    return path if path.is_file() and find_spec("onnxruntime") is not None else None


class OnnxEncoder:
    """An encoder as `encoder.Encoder` is; `config` is what config.json of the model holds.

    Raises:
        UnknownModel: it takes or gives something else than tokens.
        ValueError: the file is broken.
    """

    def __init__(self, config: Mapping[str, Any], path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # The threads of `thread_pool` call it, each with texts of its own.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep what the longest text has ever taken
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # a type of its own for each kind of failure
            raise ValueError(f"{path.name}: {error}") from error
        self._inputs = {tensor.name for tensor in self._session.get_inputs()}
        output = self._session.get_outputs()[0]
        if not {_IDS} <= self._inputs <= {_IDS, _MASK, _KINDS} or len(output.shape) != 3:
            raise UnknownModel(f"{path.name} takes {', '.join(sorted(self._inputs))} and gives {output.name}")
        self._output = output.name
        #: Tokens that a text may have.
        self.longest = _count_positions(config)

    def __call__(self, texts: Sequence[Sequence[int]]) -> list[Array]:
        """Return the last layer's numbers for each token of each text, given as the tokens' ids."""
        return [self._run(np.asarray([text], np.int64)) for text in texts]

    def _run(self, ids: Array) -> Array:
        tensors = {_IDS: ids, _MASK: np.ones_like(ids), _KINDS: np.zeros_like(ids)}
        (numbers,) = self._session.run([self._output], {name: tensors[name] for name in self._inputs})
        found: Array = numbers[0]
        return found


def _count_positions(config: Mapping[str, Any]) -> int:
    """Return how many positions the model knows; RoBERTa's begin behind the padding token's."""
    kind = str(config.get("model_type"))
    if kind not in KINDS:
        raise UnknownModel(f"its type is {kind!r}, known are {', '.join(KINDS)}")
    before = 0 if kind == "bert" else int(config.get("pad_token_id", 1)) + 1
    return int(config["max_position_embeddings"]) - before
