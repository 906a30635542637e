"""Scores of pairs of texts with a model on disk, as sentence-transformers' cross-encoders give them. Used by the worker
alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fastback.retrieval.embedding import model_files
from fastback.retrieval.embedding.encoder import Encoder, UnknownModel
from fastback.retrieval.embedding.safetensors import Array
from fastback.retrieval.embedding.thread_pool import Sharing

#: What may be made of the number that the last layer gives, by the last part of its name.
_CURVES: dict[str, Callable[[Array], Array]] = {
    "Sigmoid": lambda x: np.asarray(1 / (1 + np.exp(-x))),
    "Identity": lambda x: x,
    "Tanh": np.tanh,
}
#: The layers behind the encoder's first token, with tanh between them.
_BERT_HEAD, _ROBERTA_HEAD = ("bert.pooler.dense", "classifier"), ("classifier.dense", "classifier.out_proj")


class PairModel:
    """A model of a directory. With `sigmoid` scores lie between 0 and 1, otherwise where the model wants them.

    Raises:
        UnknownModel: it is built in a way that is not known here.
        OSError, ValueError: its files are missing or broken.
    """

    def __init__(self, directory: Path, *, sigmoid: bool) -> None:
        config = model_files.read(directory / "config.json")
        _check(config, directory)
        weights = model_files.weights(directory)
        self._encoder = Encoder(config, weights)
        head = _BERT_HEAD if config["model_type"] == "bert" else _ROBERTA_HEAD
        self._inner, self._outer = (_layer(weights, name) for name in head)
        if len(self._outer[1]) != 1:
            raise UnknownModel(f"it gives {len(self._outer[1])} scores instead of one")
        self._curve = _CURVES["Sigmoid"] if sigmoid else _curve(config, directory)
        sizes = model_files.read(directory / "sentence_bert_config.json", {})
        said = model_files.read(directory / "tokenizer_config.json", {})
        self._tokenizer = model_files.tokenizer(directory, config, lower=bool(sizes.get("do_lower_case")))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(
            model_files.longest(sizes, directory, self._encoder.longest),
            strategy="longest_first",
            direction=str(said.get("truncation_side", "right")),
        )
        self._with_kinds = self._encoder.kinds > 1 and _kinds_count(config, said)
        self._prompt = model_files.default_prompt(directory)
        self._shared = Sharing()

    def __call__(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question; of what is too long together, the longer one loses its end."""
        question = self._prompt + query
        pairs = self._tokenizer.encode_batch([(question, text) for text in texts])
        tokens, kinds = [one.ids for one in pairs], [one.type_ids for one in pairs]
        found = [0.0] * len(pairs)

        def work(share: Sequence[int]) -> None:
            given = [kinds[one] for one in share] if self._with_kinds else None
            numbers = self._encoder([tokens[one] for one in share], given)
            scores = self._scores(np.stack([one[0] for one in numbers]))
            for place, score in zip(share, scores, strict=True):
                found[place] = score

        self._shared([len(one) for one in tokens], work, urgent=True)
        return found

    def _scores(self, first: Array) -> list[float]:
        """Scores from the numbers of first tokens, a row for each pair."""
        inner = np.tanh(first @ self._inner[0].T + self._inner[1])
        scores = inner @ self._outer[0].T + self._outer[1]
        return [float(one) for one in self._curve(scores[:, 0].astype(np.float64))]


def _layer(weights: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    try:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]
    except KeyError as error:
        raise UnknownModel(f"it has no {error.args[0]}") from error


def _check(config: Mapping[str, Any], directory: Path) -> None:
    """Refuse what is no cross-encoder, or computes in another way than its type says."""
    architectures = config.get("architectures") or []
    if not any(str(one).endswith("ForSequenceClassification") for one in architectures):
        raise UnknownModel(f"its architecture is {', '.join(map(str, architectures)) or 'not said'}")
    if "AutoModelForSequenceClassification" in (config.get("auto_map") or {}):
        raise UnknownModel("it brings code of its own")
    path = directory / "modules.json"
    if path.is_file():
        steps = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
        for kind in (str(step.get("type")).rpartition(".")[2] for step in steps):
            if kind != "Transformer":
                raise UnknownModel(f"it has a step {kind!r}")


def _kinds_count(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> bool:
    """Whether the model is told which tokens are the question's: as its tokenizer says, or the class of that."""
    names = tokenizer.get("model_input_names")
    if isinstance(names, list):
        return "token_type_ids" in names
    name = str(tokenizer.get("tokenizer_class") or "BertTokenizer")
    return config["model_type"] == "bert" and name.removesuffix("Fast") == "BertTokenizer"


def _curve(config: Mapping[str, Any], directory: Path) -> Callable[[Array], Array]:
    """What the model wants to be made of its number; each version of sentence-transformers says it elsewhere."""
    said = model_files.read(directory / "config_sentence_transformers.json", {}).get("activation_fn")
    said = said or (config.get("sentence_transformers") or {}).get("activation_fn")
    said = said or config.get("sbert_ce_default_activation_function") or "Sigmoid"
    name = str(said).rpartition(".")[2]
    if name not in _CURVES:
        raise UnknownModel(f"its scores go through {said}")
    return _CURVES[name]
