"""Reranking with a model on this machine: it has the last word, and where it cannot be had nothing else breaks."""

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
#: Texts that make one chunk each and are kept as they are.
KEPT = [TEXTS[n] for n in (0, 1, 6, 7, 9)]


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
    }


@pytest.fixture
def model(tmp_path: Path) -> str:
    reranking_models.make("bert", tmp_path / "model")
    return str(tmp_path / "model")


def judged(query: int = 0) -> list[tuple[str, float]]:
    """The texts with their scores as recorded, best first."""
    scores = reranking_models.recorded()["bert"]["sigmoid"][query]
    found = [(text, score) for text, score in zip(TEXTS, scores, strict=True) if text in KEPT]
    return sorted(found, key=lambda one: one[1], reverse=True)


async def indexed(server: Server) -> None:
    await server.services.get(Indexer).index_documents("shelf", [Document(one) for one in KEPT])


def settings(model: str, **more: Any) -> dict[str, Any]:
    return {"ENABLE_RAG_HYBRID_SEARCH": True, "RAG_RERANKING_MODEL": model, "TOP_K": 5, "TOP_K_RERANKER": 5, **more}


async def test_a_model_on_this_machine_has_the_last_word(server: Server, ada: Person, model: str) -> None:
    await indexed(server)
    query = {"collection_names": ["shelf"], "query": QUERIES[0]}
    (await ada.post(CONFIG, settings(""))).ok()
    before = (await ada.post(QUERY, query)).ok()["documents"][0]
    saved = (await ada.post(CONFIG, settings(model))).ok()
    assert saved["ENABLE_RAG_HYBRID_SEARCH"] is True and saved["RAG_RERANKING_MODEL"] == model
    found = (await ada.post(QUERY, query)).ok()
    assert found["documents"][0] == [text for text, _ in judged()] != before
    assert found["distances"][0] == pytest.approx([score for _, score in judged()], abs=1e-5)
    assert [one["score"] for one in found["metadatas"][0]] == found["distances"][0]
    # A threshold and the number that is wanted count by its scores.
    second = judged()[1][1]
    strict = (await ada.post(QUERY, {**query, "r": second - 1e-4})).ok()
    assert strict["documents"][0] == [text for text, _ in judged()[:2]]
    few = (await ada.post(QUERY, {**query, "k_reranker": 1})).ok()
    assert few["documents"][0] == [judged()[0][0]]


async def test_it_orders_what_a_question_reads(server: Server, ada: Person, model: str) -> None:
    collection = f"web-search-{ada.id}-shelf"
    await server.services.get(Indexer).index_documents(collection, [Document(one) for one in KEPT])
    item = {"type": "web_search", "name": "shelf", "collection_name": collection}
    asked = {"model": "demo-small", "messages": [{"role": "user", "content": QUERIES[0]}], "files": [item]}
    unasked = {"task.query.retrieval.enable": False}
    (await ada.post("/api/v1/configs/import", {"config": unasked})).ok()

    async def read() -> list[str]:
        answer = (await ada.post("/api/chat/completions", asked)).ok()
        found: list[str] = answer["sources"][0]["document"] if answer.get("sources") else []
        return found

    (await ada.post(CONFIG, settings("", TOP_K=3, TOP_K_RERANKER=3))).ok()
    before = await read()
    (await ada.post(CONFIG, settings(model, TOP_K=3, TOP_K_RERANKER=3))).ok()
    assert await read() == [text for text, _ in judged()[:3]] != before
    (await ada.post(CONFIG, settings(model, RELEVANCE_THRESHOLD=judged()[0][1] - 1e-4))).ok()
    assert await read() == [judged()[0][0]]
    (await ada.post(CONFIG, settings(model, RELEVANCE_THRESHOLD=0.999))).ok()
    assert await read() == []


async def test_scores_where_the_model_wants_them(started: Any, upstream: str, tmp_path: Path) -> None:
    reranking_models.make("bert-identity", tmp_path / "model")
    variables = {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
        "ENABLE_RAG_HYBRID_SEARCH": "true",
        "RAG_RERANKING_MODEL": str(tmp_path / "model"),
        "SENTENCE_TRANSFORMERS_CROSS_ENCODER_SIGMOID_ACTIVATION_FUNCTION": "false",
    }
    async with started(**variables) as server:
        await indexed(server)
        ada = await server.sign_up("Ada")
        found = (await ada.post(QUERY, {"collection_names": ["shelf"], "query": QUERIES[0], "k_reranker": 1})).ok()
    recorded = reranking_models.recorded()["bert-identity"]["own"][0]
    assert found["distances"][0] == pytest.approx([max(recorded[TEXTS.index(one)] for one in KEPT)], abs=1e-5)


async def test_hybrid_search_goes_off_where_the_model_cannot_be_had(
    ada: Person, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    saved = (await ada.post(CONFIG, settings("some/where"))).ok()
    assert saved["ENABLE_RAG_HYBRID_SEARCH"] is False and saved["RAG_RERANKING_MODEL"] == "some/where"
    assert "'some/where' is not on this machine" in caplog.text
    assert (await ada.post(CONFIG, settings(model))).ok()["ENABLE_RAG_HYBRID_SEARCH"] is True
    (Path(model) / "model.safetensors").unlink()
    reranking_models.make("bert", Path(model), scores=2)
    Path(model).rename(f"{model}-2")
    assert (await ada.post(CONFIG, settings(f"{model}-2"))).ok()["ENABLE_RAG_HYBRID_SEARCH"] is False
    assert "it gives 2 scores instead of one" in caplog.text
    # Where it is not wanted, nobody looks for it; a server has its own models.
    off = {"ENABLE_RAG_HYBRID_SEARCH": False, "RAG_RERANKING_MODEL": "some/where"}
    caplog.clear()
    (await ada.post(CONFIG, off)).ok()
    apart = settings("some/where", RAG_RERANKING_ENGINE="external")
    assert (await ada.post(CONFIG, apart)).ok()["ENABLE_RAG_HYBRID_SEARCH"] is True
    assert "is not on this machine" not in caplog.text


async def test_a_model_that_went_away_leaves_the_order_as_it_was_found(
    server: Server, ada: Person, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    await indexed(server)
    query = {"collection_names": ["shelf"], "query": QUERIES[0]}
    (await ada.post(CONFIG, settings(""))).ok()
    before = (await ada.post(QUERY, query)).ok()
    (await ada.post(CONFIG, settings(model))).ok()
    Path(model).rename(f"{model}-gone")
    assert (await ada.post(QUERY, query)).ok() == before
    assert "passages keep the order that they were found in" in caplog.text


async def test_the_process_ends_with_the_server(started: Any, model: str) -> None:
    async with started() as server:
        reranker: Any = server.services.get(Reranker)
        await reranker.check_model("", model)
        (pid,) = reranker._local.workers.process_ids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
