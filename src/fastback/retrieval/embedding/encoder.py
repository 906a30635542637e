"""Transformer encoders of most embedding models, BERT and RoBERTa, computed with numpy.

The texts of a batch are concatenated without padding: matrix products cover the tokens of all texts, and only attention
is computed text by text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastback.retrieval.embedding.safetensors import Array

#: Model types, with the prefix of their weights' names if the model has a head.
WEIGHT_PREFIXES = {"bert": "bert.", "roberta": "roberta.", "xlm-roberta": "roberta.", "camembert": "roberta."}
_ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")


#: Attention scores that are computed at once, 32-bit floats: this limits the memory of a long text.
_MAX_SCORES = 1 << 22


class UnsupportedModel(ValueError):
    """The model has another architecture; the message says which part is unknown."""


class _Layer:
    """The weights of one layer."""

    def __init__(self, weights: Mapping[str, Array], prefix: str) -> None:
        def linear(name: str) -> tuple[Array, Array]:
            return weights[f"{prefix}{name}.weight"].T, weights[f"{prefix}{name}.bias"]

        self.query = linear("attention.self.query")
        self.key = linear("attention.self.key")
        self.value = linear("attention.self.value")
        self.output = linear("attention.output.dense")
        self.up = linear("intermediate.dense")
        self.down = linear("output.dense")
        self.after_attention = _get_norm(weights, f"{prefix}attention.output.LayerNorm")
        self.after = _get_norm(weights, f"{prefix}output.LayerNorm")


class Encoder:
    """A BERT or RoBERTa encoder; `config` is the content of the model's config.json."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        model_type = str(config.get("model_type"))
        if model_type not in WEIGHT_PREFIXES:
            raise UnsupportedModel(f"its type is {model_type!r}, known are {', '.join(WEIGHT_PREFIXES)}")
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise UnsupportedModel(f"its positions are {config['position_embedding_type']!r}")
        self._activation = str(config.get("hidden_act", "gelu"))
        if self._activation not in _ACTIVATIONS:
            raise UnsupportedModel(f"its activation is {self._activation!r}")
        prefix = (
            WEIGHT_PREFIXES[model_type]
            if f"{WEIGHT_PREFIXES[model_type]}embeddings.word_embeddings.weight" in weights
            else ""
        )
        embeddings_prefix = f"{prefix}embeddings."
        try:
            self._word_embeddings = weights[f"{embeddings_prefix}word_embeddings.weight"]
            self._position_embeddings = weights[f"{embeddings_prefix}position_embeddings.weight"]
            self._type_embeddings = weights[f"{embeddings_prefix}token_type_embeddings.weight"]
            self._norm = _get_norm(weights, f"{embeddings_prefix}LayerNorm")
            layers = range(int(config["num_hidden_layers"]))
            self._layers = [_Layer(weights, f"{prefix}encoder.layer.{number}.") for number in layers]
        except KeyError as error:
            raise UnsupportedModel(f"it has no {error.args[0]}") from error
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config.get("layer_norm_eps", 1e-12))
        self._padding = None if model_type == "bert" else int(config.get("pad_token_id", 1))
        #: The maximum number of tokens of a text.
        self.max_tokens = len(self._position_embeddings) - (0 if self._padding is None else self._padding + 1)
        #: The number of token types, such as those of a question and of its answer.
        self.type_count = len(self._type_embeddings)
        #: Numbers per token.
        self.width = self._word_embeddings.shape[1]

    def __call__(self, texts: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None) -> list[Array]:
        """Return the last layer's numbers for each token of each text, given as token ids; `types` has the type of each
        token, from 0."""
        lengths = [len(text) for text in texts]
        ends = np.cumsum(lengths).tolist()
        spans = [slice(end - length, end) for length, end in zip(lengths, ends, strict=True)]
        ids = np.concatenate([np.asarray(text, np.int64) for text in texts])
        x = (
            self._word_embeddings[ids]
            + self._position_embeddings[np.concatenate([self._compute_positions(ids[span]) for span in spans])]
        )
        x += (
            self._type_embeddings[0]
            if types is None
            else self._type_embeddings[np.concatenate([np.asarray(text_types) for text_types in types])]
        )
        self._normalise_rows(x, self._norm)
        for layer in self._layers:
            x = self._run_layer(layer, x, spans)
        return [x[span] for span in spans]

    def _compute_positions(self, ids: Array) -> Array:
        """Return the positions of a text's tokens. RoBERTa counts from after the padding token's, and skips it."""
        if self._padding is None:
            return np.arange(len(ids))
        is_token = ids != self._padding
        positions: Array = np.cumsum(is_token) * is_token + self._padding
        return positions

    def _run_layer(self, layer: _Layer, x: Array, spans: Sequence[slice]) -> Array:
        query, key, value = _apply_linear(x, layer.query), _apply_linear(x, layer.key), _apply_linear(x, layer.value)
        query *= 1 / math.sqrt(self.width // self._heads)
        attended = np.empty_like(x)
        for span in spans:
            attended[span] = self._compute_attention(query[span], key[span], value[span])
        hidden = _apply_linear(attended, layer.output)
        hidden += x
        self._normalise_rows(hidden, layer.after_attention)
        inner = _apply_linear(hidden, layer.up)
        _apply_activation(inner, self._activation)
        x = _apply_linear(inner, layer.down)
        x += hidden
        self._normalise_rows(x, layer.after)
        return x

    def _compute_attention(self, query: Array, key: Array, value: Array) -> Array:
        length = len(query)
        by_head = (length, self._heads, self.width // self._heads)
        queries = query.reshape(by_head).transpose(1, 0, 2)
        keys, values = key.reshape(by_head).transpose(1, 2, 0), value.reshape(by_head).transpose(1, 0, 2)
        attended = np.empty_like(queries)
        rows = max(1, _MAX_SCORES // (self._heads * max(1, length)))
        for start in range(0, length, rows):
            scores = queries[:, start : start + rows] @ keys
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            attended[:, start : start + rows] = scores @ values
        return attended.transpose(1, 0, 2).reshape(length, self.width)

    def _normalise_rows(self, x: Array, norm: tuple[Array, Array]) -> None:
        x -= x.mean(axis=-1, keepdims=True)
        spread = np.einsum("ij,ij->i", x, x)[:, None] / x.shape[-1]
        x /= np.sqrt(spread + self._epsilon)
        x *= norm[0]
        x += norm[1]


def _get_norm(weights: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    """Return weight and bias of a normalisation; old models name them differently."""
    if f"{name}.gamma" in weights:
        return weights[f"{name}.gamma"], weights[f"{name}.beta"]
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _apply_linear(x: Array, layer: tuple[Array, Array]) -> Array:
    product: Array = x @ layer[0]
    product += layer[1]
    return product


#: Rows per block of operations with many steps: as many as a processor's cache holds.
_BLOCK_ROWS = 32


def _apply_activation(x: Array, name: str) -> None:
    """Apply an activation in place."""
    if name == "relu":
        np.maximum(x, 0, out=x)
        return
    function = _apply_gelu if name == "gelu" else _apply_gelu_tanh
    for start in range(0, len(x), _BLOCK_ROWS):
        function(x[start : start + _BLOCK_ROWS])


def _apply_gelu(x: Array) -> None:
    """Multiply x by the normal distribution up to x, in place, with Abramowitz and Stegun's 7.1.26: the error is below
    1.5e-7."""
    z = np.abs(x)
    z *= np.float32(math.sqrt(0.5))
    t = z * np.float32(0.3275911)
    t += 1
    np.reciprocal(t, out=t)
    tail = t * np.float32(1.061405429)
    for term in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(term)
        tail *= t
    np.square(z, out=z)
    np.negative(z, out=z)
    np.exp(z, out=z)
    tail *= z  # 1 - erf(z)
    tail *= np.float32(0.5)
    # Above zero the factor is 1 - tail, below zero the tail.
    np.subtract(1, tail, out=tail, where=x > 0)
    x *= tail


def _apply_gelu_tanh(x: Array) -> None:
    inner = np.square(x)
    inner *= np.float32(0.044715)
    inner += 1
    inner *= x
    inner *= np.float32(math.sqrt(2 / math.pi))
    np.tanh(inner, out=inner)
    inner += 1
    inner *= np.float32(0.5)
    x *= inner
