"""Rankings of passages made into one."""

from __future__ import annotations

from fastback.retrieval.contracts import Hit
from fastback.retrieval.searching.fusion import fused, merged


def hits(*texts: str, score: float = 0.5) -> list[Hit]:
    return [Hit(text, text, {}, score) for text in texts]


def texts(found: list[Hit]) -> str:
    return "".join(hit.text for hit in found)


def test_what_both_rankings_have_comes_first() -> None:
    assert texts(fused([(0.5, hits("a", "b", "c")), (0.5, hits("d", "b", "e"))])) == "badce"


def test_a_heavier_ranking_counts_more() -> None:
    assert texts(fused([(0.2, hits("a", "b")), (0.8, hits("c", "d"))])) == "cdab"


def test_the_same_text_is_one_passage_with_its_better_score() -> None:
    twins = [Hit("1", "a", {"of": 1}, 0.4), Hit("2", "a", {"of": 2}, 0.6), Hit("3", "b", {}, 0.5)]
    found = fused([(1.0, twins)])
    assert [(hit.text, hit.score, hit.metadata.get("of")) for hit in found] == [("a", 0.4, 1), ("b", 0.5, None)]
    assert [(hit.id, hit.score) for hit in merged([twins, hits("c", score=0.1)], 2)] == [("2", 0.6), ("3", 0.5)]


def test_nothing_fused_is_nothing() -> None:
    assert fused([]) == [] and merged([], 3) == []
