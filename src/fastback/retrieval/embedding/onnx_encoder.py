"""Encoders in ONNX files, computed by onnxruntime if it is installed. Used by the worker only.

Models of sentence-transformers contain one as `onnx/model.onnx`, beside their weights. It computes what
`encoder.Encoder` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fastback.retrieval.embedding.encoder import WEIGHT_PREFIXES, UnsupportedModel
from fastback.retrieval.embedding.models import ONNX_FILE
from fastback.retrieval.embedding.safetensors import Array

_IDS, _MASK, _TYPES = "input_ids", "attention_mask", "token_type_ids"


def find_onnx_file(directory: Path) -> Path | None:
    """Return the model's ONNX file, or None if it has none, or onnxruntime is not installed."""
    path = directory / ONNX_FILE
    return path if path.is_file() and find_spec("onnxruntime") is not None else None


class OnnxEncoder:
    """An encoder like `encoder.Encoder`; `config` is the content of the model's config.json.

    Raises:
        UnsupportedModel: its inputs or outputs are not those of tokens.
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
        if not {_IDS} <= self._inputs <= {_IDS, _MASK, _TYPES} or len(output.shape) != 3:
            raise UnsupportedModel(f"{path.name} takes {', '.join(sorted(self._inputs))} and gives {output.name}")
        self._output = output.name
        #: The maximum number of tokens of a text.
        self.max_tokens = _count_positions(config)

    def __call__(self, texts: Sequence[Sequence[int]]) -> list[Array]:
        """Return the last layer's numbers for each token of each text, given as token ids."""
        return [self._run_session(np.asarray([text], np.int64)) for text in texts]

    def _run_session(self, ids: Array) -> Array:
        tensors = {_IDS: ids, _MASK: np.ones_like(ids), _TYPES: np.zeros_like(ids)}
        (numbers,) = self._session.run([self._output], {name: tensors[name] for name in self._inputs})
        hidden_states: Array = numbers[0]
        return hidden_states


def _count_positions(config: Mapping[str, Any]) -> int:
    """Return the number of the model's positions; RoBERTa's begin after the padding token's."""
    model_type = str(config.get("model_type"))
    if model_type not in WEIGHT_PREFIXES:
        raise UnsupportedModel(f"its type is {model_type!r}, known are {', '.join(WEIGHT_PREFIXES)}")
    before = 0 if model_type == "bert" else int(config.get("pad_token_id", 1)) + 1
    return int(config["max_position_embeddings"]) - before
