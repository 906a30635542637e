"""What several ways of searching have found, made into one list."""

from __future__ import annotations

import pytest

from fastback.retrieval.interfaces import Hit
from fastback.retrieval.search.fusion import blend_hits, merge_hits, weight_by_nearness, weight_by_words


def hits(**scores: float) -> list[Hit]:
    return [Hit(text, text, {}, score) for text, score in scores.items()]


def texts(found: list[Hit]) -> str:
    return "".join(hit.text for hit in found)


def test_what_both_ways_find_comes_first() -> None:
    near = weight_by_nearness(hits(a=0.9, b=0.8, c=0.5), 0.5)
    words = weight_by_words(hits(d=9, b=8, e=2), 0.5, pool=10)
    assert texts(blend_hits([near, words])) == "bdaec"


def test_words_that_everything_has_say_nothing() -> None:
    near = weight_by_nearness(hits(a=0.9, b=0.8, c=0.1), 0.5)
    common = weight_by_words(hits(x=5.2, y=5.1, z=5.0), 0.5, pool=3)
    assert texts(blend_hits([near, common]))[:2] == "ab"
    rare = weight_by_words(hits(x=5.2), 0.5, pool=3)
    assert texts(blend_hits([near, rare]))[:2] in ("ax", "xa")


def test_a_heavier_way_counts_more() -> None:
    near, words = weight_by_nearness(hits(a=0.9, b=0.2), 0.2), weight_by_words(hits(c=4, d=3), 0.8, pool=9)
    assert texts(blend_hits([near, words])) == "cdab"


def test_the_same_text_is_one_passage_with_its_better_score() -> None:
    twins = [Hit("1", "a", {"of": 1}, 0.4), Hit("2", "a", {"of": 2}, 0.6), Hit("3", "b", {}, 0.5)]
    assert [(hit.id, hit.score) for hit in blend_hits([[(hit, 1.0) for hit in twins]])] == [("2", 0.6), ("3", 0.5)]
    assert [(hit.id, hit.score) for hit in merge_hits([twins, hits(c=0.1)], 2)] == [("2", 0.6), ("3", 0.5)]


@pytest.mark.parametrize("score", [0.0, -1.0])
def test_scores_that_are_no_measure_are_worth_nothing(score: float) -> None:
    assert weight_by_words(hits(a=score), 1.0, pool=1)[0][1] == 0.0
    assert weight_by_nearness(hits(a=score), 1.0)[0][1] == 1.0


def test_nothing_is_nothing() -> None:
    assert (
        blend_hits([]) == []
        and merge_hits([], 3) == []
        and weight_by_words([], 1, 1) == []
        and weight_by_nearness([], 1) == []
    )
