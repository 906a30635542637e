"""What several ways of searching have found, made into one list.

What vectors find is worth the more the nearer it is, within what they found; what words find is worth the more it
stands out from the last that they found: of a question that shares its few common words with everything, nothing does.
Blended by reciprocal ranks, the noise of such questions would push out what vectors alone find (docs/performance.md has
the figures).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastback.retrieval.interfaces import Hit

#: A hit, and what it counts in a blend.
WeightedHit = tuple[Hit, float]


def weight_by_nearness(hits: Sequence[Hit], weight: float) -> list[WeightedHit]:
    """Hits by vectors, the nearest first, worth up to `weight`."""
    if not hits:
        return []
    first, last = hits[0].score, hits[-1].score
    span = first - last
    return [(hit, weight * ((hit.score - last) / span if span > 0 else 1.0)) for hit in hits]


def weight_by_words(hits: Sequence[Hit], weight: float, pool: int) -> list[WeightedHit]:
    """Hits by words, the best first, worth up to `weight`; `pool` were asked for."""
    if not hits:
        return []
    best = hits[0].score
    background = hits[-1].score if len(hits) >= pool else 0.0
    return [(hit, weight * max(0.0, hit.score - background) / best if best > 0 else 0.0) for hit in hits]


def blend_hits(result_lists: Iterable[Sequence[WeightedHit]]) -> list[Hit]:
    """Hits by the sum of what they are worth, best first.

    The same text found twice is one passage, as in copies of a file that lie in several collections; of twins within a
    list the first counts, and the higher score is shown.
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
    """The best passages of several searches by score, each text once."""
    best: dict[str, Hit] = {}
    for hits in results:
        for hit in hits:
            existing = best.get(hit.text)
            if existing is None or hit.score > existing.score:
                best[hit.text] = hit
    return sorted(best.values(), key=lambda hit: hit.score, reverse=True)[:limit]
