"""Several rankings of passages made into one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastback.retrieval.contracts import Hit

#: How little the first places of a ranking stand out: a place counts 1 / (this + place).
_DAMPING = 60


def fused(rankings: Iterable[tuple[float, Sequence[Hit]]]) -> list[Hit]:
    """Weighted rankings by the sum of their reciprocal ranks, best first.

    The same text found twice is one passage, as in copies of a file that lie in several collections; it keeps the
    higher score.
    """
    worth: dict[str, float] = {}
    best: dict[str, Hit] = {}
    for weight, hits in rankings:
        for place, hit in enumerate(_once(hits), 1):
            worth[hit.text] = worth.get(hit.text, 0.0) + weight / (_DAMPING + place)
            known = best.get(hit.text)
            if known is None or hit.score > known.score:
                best[hit.text] = hit
    return sorted(best.values(), key=lambda hit: worth[hit.text], reverse=True)


def merged(results: Iterable[Sequence[Hit]], limit: int) -> list[Hit]:
    """The best passages of several searches by score, each text once."""
    best: dict[str, Hit] = {}
    for hits in results:
        for hit in hits:
            known = best.get(hit.text)
            if known is None or hit.score > known.score:
                best[hit.text] = hit
    return sorted(best.values(), key=lambda hit: hit.score, reverse=True)[:limit]


def _once(hits: Sequence[Hit]) -> list[Hit]:
    return list({hit.text: hit for hit in reversed(hits)}.values())[::-1]
