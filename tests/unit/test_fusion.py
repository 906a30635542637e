"""What several ways of searching have found, made into one list."""

from __future__ import annotations

import pytest

from fastback.retrieval.interfaces import Hit
from fastback.retrieval.search.fusion import blended, by_nearness, by_words, merged


def hits(**scores: float) -> list[Hit]:
    return [Hit(text, text, {}, score) for text, score in scores.items()]


def texts(found: list[Hit]) -> str:
    return "".join(hit.text for hit in found)


def test_what_both_ways_find_comes_first() -> None:
    near = by_nearness(hits(a=0.9, b=0.8, c=0.5), 0.5)
    words = by_words(hits(d=9, b=8, e=2), 0.5, pool=10)
    assert texts(blended([near, words])) == "bdaec"


def test_words_that_everything_has_say_nothing() -> None:
    near = by_nearness(hits(a=0.9, b=0.8, c=0.1), 0.5)
    common = by_words(hits(x=5.2, y=5.1, z=5.0), 0.5, pool=3)
    assert texts(blended([near, common]))[:2] == "ab"
    rare = by_words(hits(x=5.2), 0.5, pool=3)
    assert texts(blended([near, rare]))[:2] in ("ax", "xa")


def test_a_heavier_way_counts_more() -> None:
    near, words = by_nearness(hits(a=0.9, b=0.2), 0.2), by_words(hits(c=4, d=3), 0.8, pool=9)
    assert texts(blended([near, words])) == "cdab"


def test_the_same_text_is_one_passage_with_its_better_score() -> None:
    twins = [Hit("1", "a", {"of": 1}, 0.4), Hit("2", "a", {"of": 2}, 0.6), Hit("3", "b", {}, 0.5)]
    assert [(hit.id, hit.score) for hit in blended([[(hit, 1.0) for hit in twins]])] == [("2", 0.6), ("3", 0.5)]
    assert [(hit.id, hit.score) for hit in merged([twins, hits(c=0.1)], 2)] == [("2", 0.6), ("3", 0.5)]


@pytest.mark.parametrize("score", [0.0, -1.0])
def test_scores_that_are_no_measure_are_worth_nothing(score: float) -> None:
    assert by_words(hits(a=score), 1.0, pool=1)[0][1] == 0.0
    assert by_nearness(hits(a=score), 1.0)[0][1] == 1.0


def test_nothing_is_nothing() -> None:
    assert blended([]) == [] and merged([], 3) == [] and by_words([], 1, 1) == [] and by_nearness([], 1) == []
