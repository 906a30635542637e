"""Ranking of texts by the words of a question, for stores that find words but do not weigh them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from fastback.retrieval.interfaces import Hit, Metadata
from fastback.retrieval.vectors.tokenising import iterate_words, list_query_words

#: Chunks that are ranked at most.
MAX_CHUNKS = 400
_K1, _B = 1.5, 0.75


def rank_by_words(hits: Sequence[Hit], text: str, limit: int, *, enriched: bool) -> list[Hit]:
    """Return the hits that share words with a text, best first, by BM25 among these hits."""
    query_words = set(list_query_words(text))
    word_counts = [Counter(iterate_words(_build_enriched_text(hit) if enriched else hit.text)) for hit in hits]
    sizes = [counts.total() for counts in word_counts]
    mean_size = sum(sizes) / len(sizes) if sizes else 1.0
    document_counts = Counter(word for counts in word_counts for word in query_words & counts.keys())
    idf = {word: math.log(1 + (len(hits) - count + 0.5) / (count + 0.5)) for word, count in document_counts.items()}
    scored = []
    for hit, counts, size in zip(hits, word_counts, sizes, strict=True):
        length = _K1 * (1 - _B + _B * size / (mean_size or 1.0))
        score = sum(
            idf[word] * counts[word] * (_K1 + 1) / (counts[word] + length) for word in query_words & counts.keys()
        )
        if score > 0:
            scored.append(Hit(hit.id, hit.text, hit.metadata, score))
    return sorted(scored, key=lambda hit: -hit.score)[:limit]


def _build_enriched_text(hit: Hit) -> str:
    metadata: Metadata = hit.metadata
    name = str(metadata.get("name") or "")
    extra = [str(metadata.get(key) or "") for key in ("title", "headings", "source", "snippet")]
    return " ".join([hit.text, name, name, name, *extra])
