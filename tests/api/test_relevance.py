"""Whether the right passage is found, with the model that is used where nobody chose another."""

from __future__ import annotations

from typing import Any

import pytest

import relevance_questions
from fastback.retrieval.embedding import models
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document
from fastback.retrieval.search.retriever import Retriever, SearchOptions

WANTED = 5


@pytest.mark.skipif(
    models.find_model(models.DEFAULT_MODEL) is None, reason="the model is not fetched: `fastback models fetch`"
)
async def test_vectors_and_words_together_find_most(started: Any) -> None:
    async with started() as server:
        documents = [Document(text, {"name": name}) for name, text in relevance_questions.list_passages().items()]
        await server.services.get(Indexer).index_documents("library", documents)
        retriever = server.services.get(Retriever)

        async def recall(search: SearchOptions) -> float:
            found = 0
            for name, question in relevance_questions.QUESTIONS:
                hits = await retriever.search(["library"], [question], search)
                found += name in {hit.metadata["name"] for hit in hits}
            return found / len(relevance_questions.QUESTIONS)

        vectors = await recall(SearchOptions(limit=WANTED))
        words = await recall(SearchOptions(limit=WANTED, hybrid=True, reranked=WANTED, word_weight=1.0))
        both = await recall(SearchOptions(limit=WANTED, hybrid=True, reranked=WANTED))
    print(
        f"of {len(relevance_questions.QUESTIONS)} questions on {len(documents)} passages: "
        f"{vectors=:.3f} {words=:.3f} {both=:.3f}"
    )
    assert both >= vectors >= words
    assert vectors > 0.75 and both > 0.8
