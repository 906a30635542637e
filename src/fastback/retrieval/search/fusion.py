"""Merge the results of several ways of searching into one list.

A hit by vectors weighs the more the nearer it is, within the range of its list; a hit by words the more it exceeds the
last of its list: a question whose few common words are everywhere has no weight. Blending by reciprocal ranks, the
noise of such questions would displace what vectors alone find (docs/performance.md has the figures).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastback.retrieval.interfaces import Hit

#: A hit, and its weight in a blend.
WeightedHit = tuple[Hit, float]


def weight_by_nearness(hits: Sequence[Hit], weight: float) -> list[WeightedHit]:
    """Weight hits by vectors, the nearest first, from 0 to `weight`."""
    if not hits:
        return []
    first, last = hits[0].score, hits[-1].score
    span = first - last
    return [(hit, weight * ((hit.score - last) / span if span > 0 else 1.0)) for hit in hits]


def weight_by_words(hits: Sequence[Hit], weight: float, pool: int) -> list[WeightedHit]:
    """Weight hits by words, the best first, from 0 to `weight`; `pool` is the requested number of hits."""
    if not hits:
        return []
    best = hits[0].score
    background = hits[-1].score if len(hits) >= pool else 0.0
    return [(hit, weight * max(0.0, hit.score - background) / best if best > 0 else 0.0) for hit in hits]


def blend_hits(result_lists: Iterable[Sequence[WeightedHit]]) -> list[Hit]:
    """Return hits by the sum of their weights, best first.

    Equal texts are one passage, such as copies of a file in several collections; of equal texts in one list only the
    first counts, and the higher score is shown.
    """
    sums: dict[str, float] = {}
    best: dict[str, Hit] = {}
    for weighted_hits in result_lists:
        seen_texts: set[str] = set()
        for hit, weight in weighted_hits:
            if hit.text not in seen_texts:
                seen_texts.add(hit.text)
                sums[hit.text] = sums.get(hit.text, 0.0) + weight
            existing = best.get(hit.text)
            if existing is None or hit.score > existing.score:
                best[hit.text] = hit
    return sorted(best.values(), key=lambda hit: (sums[hit.text], hit.score), reverse=True)


def merge_hits(results: Iterable[Sequence[Hit]], limit: int) -> list[Hit]:
    """Return the best passages of several searches by score, each text once."""
    best: dict[str, Hit] = {}
    for hits in results:
        for hit in hits:
            existing = best.get(hit.text)
            if existing is None or hit.score > existing.score:
                best[hit.text] = hit
    return sorted(best.values(), key=lambda hit: hit.score, reverse=True)[:limit]
