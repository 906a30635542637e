"""Local reranking models: the same scores as sentence-transformers, unsupported models, and errors."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import reranking_models
from fastback.kit.workers.errors import JobFailed
from fastback.kit.workers.pool import Limits
from fastback.retrieval.embedding import encoder, models
from fastback.retrieval.embedding.encoder import UnsupportedModel
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.reranking import worker
from fastback.retrieval.reranking.cross_encoder import CrossEncoder
from fastback.retrieval.reranking.local import LocalReranker
from reranking_models import QUERIES, TEXTS


def _require_recorded_scores(
    directory: Path, kind: str, activations: Sequence[str] = ("own", "sigmoid"), queries: int = len(QUERIES)
) -> None:
    for activation in activations:
        expected = reranking_models.read_recorded_scores()[kind][activation]
        model = CrossEncoder(directory, sigmoid=activation == "sigmoid")
        for query, scores in zip(QUERIES[:queries], expected[:queries], strict=True):
            assert np.ptp(scores) > 0.01  # equal scores would hide errors
            assert np.abs(np.array(model(query, TEXTS)) - scores).max() < 1e-5, (activation, query)


@pytest.mark.parametrize("kind", reranking_models.KINDS)
def test_the_scores_of_small_models(kind: str, tmp_path: Path) -> None:
    reranking_models.make_model(kind, tmp_path)
    _require_recorded_scores(tmp_path, kind)


def test_the_scores_of_the_default_model(tmp_path: Path) -> None:
    directory = models.find_model(models.DEFAULT_MODEL)
    if directory is None:
        pytest.skip("the model is not installed: run `fastback models fetch`")
    reranking_models.make_minilm(directory, tmp_path / "made")
    _require_recorded_scores(tmp_path / "made", "minilm", activations=["own"], queries=2)  # the two longest queries


def test_the_scores_of_long_pairs_that_are_computed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_MAX_SCORES", 300)
    reranking_models.make_model("bert", tmp_path)
    _require_recorded_scores(tmp_path, "bert")


def test_no_texts_have_no_scores(tmp_path: Path) -> None:
    reranking_models.make_model("bert", tmp_path)
    assert CrossEncoder(tmp_path, sigmoid=True)("a", []) == []


def _change_json(path: Path, change: dict[str, object]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "deberta-v2"}, "its type is 'deberta-v2', known are bert, roberta, xlm-roberta, camembert"),
        ({"architectures": ["BertModel"]}, "its architecture is BertModel"),
        ({"architectures": None}, "its architecture is not said"),
        ({"auto_map": {"AutoModelForSequenceClassification": "a.B"}}, "it brings code of its own"),
        ({"model_type": "xlm-roberta"}, r"it has no embeddings\.word_embeddings\.weight"),
        ({"sentence_transformers": {"activation_fn": "my.Softer"}}, r"its scores go through my\.Softer"),
    ],
)
def test_unsupported_models_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    reranking_models.make_model("bert", tmp_path)
    _change_json(tmp_path / "config.json", change)
    with pytest.raises(UnsupportedModel, match=message):
        CrossEncoder(tmp_path, sigmoid=False)
    with pytest.raises(JobFailed, match=f"The reranking model in .* cannot be used here: {message}"):
        worker.handle({"model": str(tmp_path), "sigmoid": False, "query": "a", "texts": ["b"]})


def test_models_with_several_scores_or_further_steps(tmp_path: Path) -> None:
    reranking_models.make_model("bert", tmp_path, scores=3)
    with pytest.raises(UnsupportedModel, match="it gives 3 scores instead of one"):
        CrossEncoder(tmp_path, sigmoid=True)
    reranking_models.make_model("bert", tmp_path)
    (tmp_path / "modules.json").write_text('[{"path": "", "type": "a.Transformer"}, {"path": "1", "type": "a.Dense"}]')
    with pytest.raises(UnsupportedModel, match="it has a step 'Dense'"):
        CrossEncoder(tmp_path, sigmoid=True)


async def test_a_worker_process_scores_texts_and_ends(tmp_path: Path) -> None:
    reranking_models.make_model("bert", tmp_path)
    local = LocalReranker(models.find_model, sigmoid=True, limits=Limits(idle=0.2))
    scores = await local.score_texts(str(tmp_path), QUERIES[0], TEXTS * 3, batch=100)
    expected = reranking_models.read_recorded_scores()["bert"]["sigmoid"][0]
    assert np.abs(np.array(scores) - expected * 3).max() < 1e-5
    (pid,) = local.workers.process_ids
    await local.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_missing_and_invalid_models_are_errors(tmp_path: Path) -> None:
    reranking_models.make_model("bert", tmp_path)
    local = LocalReranker(models.find_model, sigmoid=True)
    with pytest.raises(RetrievalError, match=r"'some/thing' is not on this machine\..*RAG_RERANKING_MODEL"):
        await local.score_texts("some/thing", "a", ["b"], batch=1)
    with pytest.raises(RetrievalError, match="it is no cross-encoder"):
        await local.check_model("jinaai/jina-colbert-v2")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(RetrievalError, match=r"it has no file model\.safetensors"):
        await local.check_model(str(tmp_path))
    await local.close()
