"""Whether the right passage is found where nothing was chosen by the questions, with the model that is the default."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

import unseen_questions as unseen
from fastback.retrieval.embedding import models
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document
from fastback.retrieval.search.retriever import Retriever, SearchOptions
from relevance_figures import Ranks, compare_ranks, compute_figures

WANTED = 5


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    models.find_model(models.DEFAULT_MODEL) is None, reason="the model is not fetched: `fastback models fetch`"
)
async def test_vectors_and_words_together_find_more_than_either(started: Any) -> None:
    async with started() as server:
        documents = [Document(text, {"name": name}) for name, text in unseen.read_chapters().items()]
        count = await server.services.get(Indexer).index_documents("manual", documents)
        retriever = server.services.get(Retriever)

        async def ranks(search: SearchOptions) -> Ranks:
            found = {}
            for question in chain(*unseen.QUESTIONS.values()):
                hits = await retriever.search(["manual"], [question], search)
                found[question] = unseen.find_rank(question, [hit.text for hit in hits])
            return found

        vectors = await ranks(SearchOptions(limit=WANTED))
        words = await ranks(SearchOptions(limit=WANTED, hybrid=True, reranked=WANTED, word_weight=1.0))
        both = await ranks(SearchOptions(limit=WANTED, hybrid=True, reranked=WANTED))
    print(f"{len(both)} questions on {count} chunks")
    for name, ranked in (("words", words), ("vectors", vectors), ("both", both)):
        print(name, compute_figures(ranked, unseen.QUESTIONS))
    for name, other in (("words", words), ("vectors", vectors)):
        print(f"both beside {name}:", compare_ranks(both, other))
        # More than chance: a fair coin falls as unevenly less than once in twenty times.
        wins, losses, chance = compare_ranks(both, other)
        assert len(wins) > len(losses) and chance < 0.05, name
    recall, reciprocal, answered = compute_figures(both, unseen.QUESTIONS)
    assert recall > 0.75 and reciprocal > 0.55
    # Words may not push out what vectors find where a question shares none with its passage.
    by_meaning = "in other words"
    assert answered[by_meaning] >= 0.9 * compute_figures(vectors, unseen.QUESTIONS).answered[by_meaning]
