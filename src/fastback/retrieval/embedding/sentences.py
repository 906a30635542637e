"""Vectors of texts with a model on disk, as sentence-transformers makes them. Used by the worker alone."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from fastback.retrieval.embedding import safetensors
from fastback.retrieval.embedding.encoder import Encoder, UnknownModel
from fastback.retrieval.embedding.models import WEIGHTS
from fastback.retrieval.embedding.safetensors import Array

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
        config = _read(directory / "config.json")
        weights = directory / WEIGHTS
        if not weights.is_file():
            raise UnknownModel(f"it has no file {WEIGHTS}")
        self._encoder = Encoder(config, safetensors.load(weights))
        self._way, self._normalises, self._with_prompt = _steps(directory)
        sizes = _read(directory / "sentence_bert_config.json", {})
        self._tokenizer = _tokenizer(directory, config, lower=bool(sizes.get("do_lower_case")))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_longest(sizes, directory, self._encoder.longest))
        self._lower = bool(sizes.get("do_lower_case"))
        self._prompt = _default_prompt(directory)
        cores = os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(min(cores, 8))
        # What nobody waits for leaves a core to the server: however far a computing thread gives way, whoever wakes up
        # beside it may wait for the scheduler's next tick, four milliseconds.
        self._patient = ThreadPoolExecutor(max(1, min(cores - 1, 8)), initializer=_give_way)

    def __call__(self, texts: Sequence[str], prompt: str | None = None, *, urgent: bool = True) -> list[bytes]:
        """A vector for each text; `prompt` stands before each, and instead of the one that the model brings along.

        What is not urgent leaves a core free, and gives way on the others.
        """
        prompt = self._prompt if prompt is None else prompt
        tokens = [one.ids for one in self._tokenizer.encode_batch([self._put(prompt + text) for text in texts])]
        # Behind the prompt's own tokens, without the one that ends a text, its text begins.
        skip = len(self._tokenizer.encode(self._put(prompt)).ids) - 1 if prompt and not self._with_prompt else 0
        order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
        threads = self._threads if urgent else self._patient
        count = min(threads._max_workers, len(order))
        shares = [order[start::count] for start in range(count)]
        found: list[bytes] = [b""] * len(tokens)

        def work(share: Sequence[int]) -> None:
            for place, numbers in zip(share, self._encoder([tokens[one] for one in share]), strict=True):
                found[place] = self._vector(numbers[skip:])

        list(threads.map(work, shares))
        return found

    def _put(self, text: str) -> str:
        return text.lower() if self._lower else text

    def _vector(self, numbers: Array) -> bytes:
        found = numbers[0] if self._way == "cls" else numbers.mean(axis=0)
        if self._normalises:
            found = found / max(float(np.linalg.norm(found)), 1e-12)
        return bytes(found.astype("<f4").tobytes())


def _give_way() -> None:
    """Let everything else go before the calling thread; on Linux alone niceness is a thread's own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def _read(path: Path, otherwise: dict[str, Any] | None = None) -> dict[str, Any]:
    if otherwise is not None and not path.is_file():
        return otherwise
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])


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
            pooling = _read(directory / str(step.get("path")) / "config.json")
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


def _tokenizer(directory: Path, config: dict[str, Any], *, lower: bool) -> Tokenizer:
    if (directory / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(directory / "tokenizer.json"))
    if config.get("model_type") != "bert" or not (directory / "vocab.txt").is_file():
        raise UnknownModel("it has no file tokenizer.json")
    said = _read(directory / "tokenizer_config.json", {}).get("do_lower_case", True)
    return BertWordPieceTokenizer(str(directory / "vocab.txt"), lowercase=bool(said) or lower)._tokenizer


def _longest(sizes: dict[str, Any], directory: Path, most: int) -> int:
    """Tokens of a text that count."""
    said = sizes.get("max_seq_length")
    if not isinstance(said, int):
        said = _read(directory / "tokenizer_config.json", {}).get("model_max_length")
    return min(int(said), most) if isinstance(said, (int, float)) and said > 0 else most


def _default_prompt(directory: Path) -> str:
    """What the model wants before every text where nobody says otherwise."""
    config = _read(directory / "config_sentence_transformers.json", {})
    prompts, name = config.get("prompts"), config.get("default_prompt_name")
    return str(prompts.get(name) or "") if isinstance(prompts, dict) and name else ""
