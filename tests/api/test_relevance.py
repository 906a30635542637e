"""Whether search with the default embedding model finds the right passages."""

from __future__ import annotations

from typing import Any

import pytest

import relevance_questions
from fastback.retrieval.embedding import models
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document
from fastback.retrieval.search.retriever import Retriever, SearchOptions

LIMIT = 5


@pytest.mark.skipif(
    models.find_model(models.DEFAULT_MODEL) is None, reason="the model is not fetched: `fastback models fetch`"
)
async def test_vectors_and_words_together_find_most(start_server: Any) -> None:
    async with start_server() as server:
        documents = [Document(text, {"name": name}) for name, text in relevance_questions.list_passages().items()]
        await server.services.get(Indexer).index_documents("library", documents)
        retriever = server.services.get(Retriever)

        async def measure_recall(search: SearchOptions) -> float:
            hit_count = 0
            for name, question in relevance_questions.QUESTIONS:
                hits = await retriever.search(["library"], [question], search)
                hit_count += name in {hit.metadata["name"] for hit in hits}
            return hit_count / len(relevance_questions.QUESTIONS)

        vectors = await measure_recall(SearchOptions(limit=LIMIT))
        words = await measure_recall(SearchOptions(limit=LIMIT, hybrid=True, reranked=LIMIT, word_weight=1.0))
        hybrid = await measure_recall(SearchOptions(limit=LIMIT, hybrid=True, reranked=LIMIT))
    print(
        f"of {len(relevance_questions.QUESTIONS)} questions on {len(documents)} passages: "
        f"{vectors=:.3f} {words=:.3f} {hybrid=:.3f}"
    )
    assert hybrid >= vectors >= words
    assert vectors > 0.75 and hybrid > 0.8
