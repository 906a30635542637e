"""Reranking with a local model: its scores decide the order, and its absence breaks nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import reranking_models
from conftest import Person, Server
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, Reranker
from reranking_models import QUERIES, TEXTS

CONFIG = "/api/v1/retrieval/config/update"
QUERY = "/api/v1/retrieval/query/collection"
#: Texts that make one chunk each, without changes.
CHUNK_TEXTS = [TEXTS[n] for n in (0, 1, 6, 7, 9)]


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
    }


@pytest.fixture
def model(tmp_path: Path) -> str:
    reranking_models.make_model("bert", tmp_path / "model")
    return str(tmp_path / "model")


def rank_texts(query: int = 0) -> list[tuple[str, float]]:
    """Return the texts with their recorded scores, best first."""
    scores = reranking_models.read_recorded_scores()["bert"]["sigmoid"][query]
    scored = [(text, score) for text, score in zip(TEXTS, scores, strict=True) if text in CHUNK_TEXTS]
    return sorted(scored, key=lambda pair: pair[1], reverse=True)


async def index_texts(server: Server) -> None:
    """Index the texts in the collection "shelf"."""
    await server.services.get(Indexer).index_documents("shelf", [Document(text) for text in CHUNK_TEXTS])


def make_settings(model: str, **more: Any) -> dict[str, Any]:
    return {"ENABLE_RAG_HYBRID_SEARCH": True, "RAG_RERANKING_MODEL": model, "TOP_K": 5, "TOP_K_RERANKER": 5, **more}


async def test_a_local_model_decides_the_order(server: Server, ada: Person, model: str) -> None:
    await index_texts(server)
    query = {"collection_names": ["shelf"], "query": QUERIES[0]}
    (await ada.post(CONFIG, make_settings(""))).ok()
    before = (await ada.post(QUERY, query)).ok()["documents"][0]
    saved = (await ada.post(CONFIG, make_settings(model))).ok()
    assert saved["ENABLE_RAG_HYBRID_SEARCH"] is True and saved["RAG_RERANKING_MODEL"] == model
    result = (await ada.post(QUERY, query)).ok()
    assert result["documents"][0] == [text for text, _ in rank_texts()] != before
    assert result["distances"][0] == pytest.approx([score for _, score in rank_texts()], abs=1e-5)
    assert [metadata["score"] for metadata in result["metadatas"][0]] == result["distances"][0]
    # The threshold and the limit apply to its scores.
    second = rank_texts()[1][1]
    strict = (await ada.post(QUERY, {**query, "r": second - 1e-4})).ok()
    assert strict["documents"][0] == [text for text, _ in rank_texts()[:2]]
    limited = (await ada.post(QUERY, {**query, "k_reranker": 1})).ok()
    assert limited["documents"][0] == [rank_texts()[0][0]]


async def test_a_local_model_orders_the_sources_of_a_question(server: Server, ada: Person, model: str) -> None:
    collection = f"web-search-{ada.id}-shelf"
    await server.services.get(Indexer).index_documents(collection, [Document(text) for text in CHUNK_TEXTS])
    item = {"type": "web_search", "name": "shelf", "collection_name": collection}
    question = {"model": "demo-small", "messages": [{"role": "user", "content": QUERIES[0]}], "files": [item]}
    config = {"task.query.retrieval.enable": False}
    (await ada.post("/api/v1/configs/import", {"config": config})).ok()

    async def list_source_texts() -> list[str]:
        answer = (await ada.post("/api/chat/completions", question)).ok()
        documents: list[str] = answer["sources"][0]["document"] if answer.get("sources") else []
        return documents

    (await ada.post(CONFIG, make_settings("", TOP_K=3, TOP_K_RERANKER=3))).ok()
    before = await list_source_texts()
    (await ada.post(CONFIG, make_settings(model, TOP_K=3, TOP_K_RERANKER=3))).ok()
    assert await list_source_texts() == [text for text, _ in rank_texts()[:3]] != before
    (await ada.post(CONFIG, make_settings(model, RELEVANCE_THRESHOLD=rank_texts()[0][1] - 1e-4))).ok()
    assert await list_source_texts() == [rank_texts()[0][0]]
    (await ada.post(CONFIG, make_settings(model, RELEVANCE_THRESHOLD=0.999))).ok()
    assert await list_source_texts() == []


async def test_a_model_may_give_scores_without_a_sigmoid(start_server: Any, upstream: str, tmp_path: Path) -> None:
    reranking_models.make_model("bert-identity", tmp_path / "model")
    variables = {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
        "ENABLE_RAG_HYBRID_SEARCH": "true",
        "RAG_RERANKING_MODEL": str(tmp_path / "model"),
        "SENTENCE_TRANSFORMERS_CROSS_ENCODER_SIGMOID_ACTIVATION_FUNCTION": "false",
    }
    async with start_server(**variables) as server:
        await index_texts(server)
        ada = await server.sign_up("Ada")
        result = (await ada.post(QUERY, {"collection_names": ["shelf"], "query": QUERIES[0], "k_reranker": 1})).ok()
    recorded = reranking_models.read_recorded_scores()["bert-identity"]["own"][0]
    assert result["distances"][0] == pytest.approx([max(recorded[TEXTS.index(text)] for text in CHUNK_TEXTS)], abs=1e-5)


async def test_hybrid_search_is_disabled_if_the_model_is_unavailable(
    ada: Person, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    saved = (await ada.post(CONFIG, make_settings("some/where"))).ok()
    assert saved["ENABLE_RAG_HYBRID_SEARCH"] is False and saved["RAG_RERANKING_MODEL"] == "some/where"
    assert "'some/where' is not on this machine" in caplog.text
    assert (await ada.post(CONFIG, make_settings(model))).ok()["ENABLE_RAG_HYBRID_SEARCH"] is True
    (Path(model) / "model.safetensors").unlink()
    reranking_models.make_model("bert", Path(model), scores=2)
    Path(model).rename(f"{model}-2")
    assert (await ada.post(CONFIG, make_settings(f"{model}-2"))).ok()["ENABLE_RAG_HYBRID_SEARCH"] is False
    assert "it gives 2 scores instead of one" in caplog.text
    # The model is not looked up if hybrid search is off, or if an external server reranks with models of its own.
    off = {"ENABLE_RAG_HYBRID_SEARCH": False, "RAG_RERANKING_MODEL": "some/where"}
    caplog.clear()
    (await ada.post(CONFIG, off)).ok()
    external = make_settings("some/where", RAG_RERANKING_ENGINE="external")
    assert (await ada.post(CONFIG, external)).ok()["ENABLE_RAG_HYBRID_SEARCH"] is True
    assert "is not on this machine" not in caplog.text


async def test_a_removed_model_leaves_the_order_of_the_search(
    server: Server, ada: Person, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    await index_texts(server)
    query = {"collection_names": ["shelf"], "query": QUERIES[0]}
    (await ada.post(CONFIG, make_settings(""))).ok()
    before = (await ada.post(QUERY, query)).ok()
    (await ada.post(CONFIG, make_settings(model))).ok()
    Path(model).rename(f"{model}-gone")
    assert (await ada.post(QUERY, query)).ok() == before
    assert "passages keep the order that they were found in" in caplog.text


async def test_the_process_ends_with_the_server(start_server: Any, model: str) -> None:
    async with start_server() as server:
        reranker: Any = server.services.get(Reranker)
        await reranker.check_model("", model)
        (pid,) = reranker._local.workers.process_ids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
