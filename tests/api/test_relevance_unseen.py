"""Whether search with the default embedding model finds the right passages of questions unseen in tuning."""

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

LIMIT = 5


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    models.find_model(models.DEFAULT_MODEL) is None, reason="the model is not fetched: `fastback models fetch`"
)
async def test_vectors_and_words_together_find_more_than_either(start_server: Any) -> None:
    async with start_server() as server:
        documents = [Document(text, {"name": name}) for name, text in unseen.read_chapters().items()]
        count = await server.services.get(Indexer).index_documents("manual", documents)
        retriever = server.services.get(Retriever)

        async def rank_passages(search: SearchOptions) -> Ranks:
            ranks = {}
            for question in chain(*unseen.QUESTIONS.values()):
                hits = await retriever.search(["manual"], [question], search)
                ranks[question] = unseen.find_rank(question, [hit.text for hit in hits])
            return ranks

        vectors = await rank_passages(SearchOptions(limit=LIMIT))
        words = await rank_passages(SearchOptions(limit=LIMIT, hybrid=True, reranked=LIMIT, word_weight=1.0))
        hybrid = await rank_passages(SearchOptions(limit=LIMIT, hybrid=True, reranked=LIMIT))
    print(f"{len(hybrid)} questions on {count} chunks")
    for name, ranked in (("words", words), ("vectors", vectors), ("both", hybrid)):
        print(name, compute_figures(ranked, unseen.QUESTIONS))
    for name, baseline in (("words", words), ("vectors", vectors)):
        print(f"both beside {name}:", compare_ranks(hybrid, baseline))
        # More than chance: a fair coin gives so uneven a result less than once in twenty times.
        wins, losses, chance = compare_ranks(hybrid, baseline)
        assert len(wins) > len(losses) and chance < 0.05, name
    recall, reciprocal, answered_by_kind = compute_figures(hybrid, unseen.QUESTIONS)
    assert recall > 0.75 and reciprocal > 0.55
    # Word search may not displace the vector matches of questions that share no words with their passage.
    by_meaning = "in other words"
    assert answered_by_kind[by_meaning] >= 0.9 * compute_figures(vectors, unseen.QUESTIONS).answered[by_meaning]
