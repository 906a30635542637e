"""Scores of text pairs with a model on disk, as sentence-transformers' cross-encoders compute them. Used by the worker
only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fastback.retrieval.embedding import model_files
from fastback.retrieval.embedding.encoder import Encoder, UnsupportedModel
from fastback.retrieval.embedding.safetensors import Array
from fastback.retrieval.embedding.thread_pool import ThreadPool

#: Activations of the last layer's number, by the last part of their names.
_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "Sigmoid": lambda x: np.asarray(1 / (1 + np.exp(-x))),
    "Identity": lambda x: x,
    "Tanh": np.tanh,
}
#: The layers after the encoder's first token, with tanh between them.
_BERT_HEAD, _ROBERTA_HEAD = ("bert.pooler.dense", "classifier"), ("classifier.dense", "classifier.out_proj")


class CrossEncoder:
    """A model in a directory. With `sigmoid` scores are between 0 and 1, otherwise the model decides.

    Raises:
        UnsupportedModel: its architecture is not supported.
        OSError, ValueError: its files are missing or broken.
    """

    def __init__(self, directory: Path, *, sigmoid: bool) -> None:
        config = model_files.read_json(directory / "config.json")
        _check_architecture(config, directory)
        weights = model_files.load_weights(directory)
        self._encoder = Encoder(config, weights)
        head = _BERT_HEAD if config["model_type"] == "bert" else _ROBERTA_HEAD
        self._inner_layer, self._outer_layer = (_get_layer(weights, name) for name in head)
        if len(self._outer_layer[1]) != 1:
            raise UnsupportedModel(f"it gives {len(self._outer_layer[1])} scores instead of one")
        self._activation = _ACTIVATIONS["Sigmoid"] if sigmoid else _get_activation(config, directory)
        sizes = model_files.read_json(directory / "sentence_bert_config.json", {})
        tokenizer_config = model_files.read_json(directory / "tokenizer_config.json", {})
        self._tokenizer = model_files.create_tokenizer(directory, config, lower_case=bool(sizes.get("do_lower_case")))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(
            model_files.get_max_tokens(sizes, directory, self._encoder.max_tokens),
            strategy="longest_first",
            direction=str(tokenizer_config.get("truncation_side", "right")),
        )
        self._uses_types = self._encoder.type_count > 1 and _uses_token_types(config, tokenizer_config)
        self._prompt = model_files.get_default_prompt(directory)
        self._threads = ThreadPool()

    def __call__(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the question. Of a pair that is too long, the longer part is truncated."""
        question = self._prompt + query
        pairs = self._tokenizer.encode_batch([(question, text) for text in texts])
        tokens, types = [pair.ids for pair in pairs], [pair.type_ids for pair in pairs]
        scores = [0.0] * len(pairs)

        def score_share(share: Sequence[int]) -> None:
            share_types = [types[index] for index in share] if self._uses_types else None
            hidden_states = self._encoder([tokens[index] for index in share], share_types)
            share_scores = self._compute_scores(np.stack([numbers[0] for numbers in hidden_states]))
            for index, score in zip(share, share_scores, strict=True):
                scores[index] = score

        self._threads([len(ids) for ids in tokens], score_share, urgent=True)
        return scores

    def _compute_scores(self, first: Array) -> list[float]:
        """Return scores from the numbers of first tokens, a row for each pair."""
        inner = np.tanh(first @ self._inner_layer[0].T + self._inner_layer[1])
        scores = inner @ self._outer_layer[0].T + self._outer_layer[1]
        return [float(score) for score in self._activation(scores[:, 0].astype(np.float64))]


def _get_layer(weights: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    try:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]
    except KeyError as error:
        raise UnsupportedModel(f"it has no {error.args[0]}") from error


def _check_architecture(config: Mapping[str, Any], directory: Path) -> None:
    """Refuse models that are not cross-encoders, or compute differently from what their type says."""
    architectures = config.get("architectures") or []
    if not any(str(architecture).endswith("ForSequenceClassification") for architecture in architectures):
        raise UnsupportedModel(f"its architecture is {', '.join(map(str, architectures)) or 'not said'}")
    if "AutoModelForSequenceClassification" in (config.get("auto_map") or {}):
        raise UnsupportedModel("it brings code of its own")
    path = directory / "modules.json"
    if path.is_file():
        steps = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
        for step_type in (str(step.get("type")).rpartition(".")[2] for step in steps):
            if step_type != "Transformer":
                raise UnsupportedModel(f"it has a step {step_type!r}")


def _uses_token_types(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> bool:
    """Return whether the model distinguishes the question's tokens, by its tokenizer's inputs or class."""
    names = tokenizer.get("model_input_names")
    if isinstance(names, list):
        return "token_type_ids" in names
    name = str(tokenizer.get("tokenizer_class") or "BertTokenizer")
    return config["model_type"] == "bert" and name.removesuffix("Fast") == "BertTokenizer"


def _get_activation(config: Mapping[str, Any], directory: Path) -> Callable[[Array], Array]:
    """Return the activation of the model's number; versions of sentence-transformers store it in different places."""
    activation = model_files.read_json(directory / "config_sentence_transformers.json", {}).get("activation_fn")
    activation = activation or (config.get("sentence_transformers") or {}).get("activation_fn")
    activation = activation or config.get("sbert_ce_default_activation_function") or "Sigmoid"
    name = str(activation).rpartition(".")[2]
    if name not in _ACTIVATIONS:
        raise UnsupportedModel(f"its scores go through {activation}")
    return _ACTIVATIONS[name]
