"""Judging texts by the words of a question, for stores that find words but do not weigh them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from fastback.retrieval.interfaces import Hit, Metadata
from fastback.retrieval.vectors.tokenising import all_words, words_of

#: Chunks that are judged at most.
MOST = 400
_K1, _B = 1.5, 0.75


def ranked(hits: Sequence[Hit], text: str, limit: int, *, enriched: bool) -> list[Hit]:
    """The hits that share words with a text, best first: BM25 among these hits."""
    wanted = set(words_of(text))
    counted = [Counter(all_words(_about(hit) if enriched else hit.text)) for hit in hits]
    sizes = [counts.total() for counts in counted]
    usual = sum(sizes) / len(sizes) if sizes else 1.0
    known = Counter(word for counts in counted for word in wanted & counts.keys())
    rare = {word: math.log(1 + (len(hits) - count + 0.5) / (count + 0.5)) for word, count in known.items()}
    scored = []
    for hit, counts, size in zip(hits, counted, sizes, strict=True):
        length = _K1 * (1 - _B + _B * size / (usual or 1.0))
        score = sum(rare[word] * counts[word] * (_K1 + 1) / (counts[word] + length) for word in wanted & counts.keys())
        if score > 0:
            scored.append(Hit(hit.id, hit.text, hit.metadata, score))
    return sorted(scored, key=lambda hit: -hit.score)[:limit]


def _about(hit: Hit) -> str:
    found: Metadata = hit.metadata
    name = str(found.get("name") or "")
    more = [str(found.get(key) or "") for key in ("title", "headings", "source", "snippet")]
    return " ".join([hit.text, name, name, name, *more])
