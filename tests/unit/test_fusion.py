"""Merging the hits of several searches into one list."""

from __future__ import annotations

import pytest

from fastback.retrieval.interfaces import Hit
from fastback.retrieval.search.fusion import blend_hits, merge_hits, weight_by_nearness, weight_by_words


def build_hits(**scores: float) -> list[Hit]:
    return [Hit(text, text, {}, score) for text, score in scores.items()]


def join_texts(hits: list[Hit]) -> str:
    return "".join(hit.text for hit in hits)


def test_hits_of_both_searches_come_first() -> None:
    near = weight_by_nearness(build_hits(a=0.9, b=0.8, c=0.5), 0.5)
    words = weight_by_words(build_hits(d=9, b=8, e=2), 0.5, pool=10)
    assert join_texts(blend_hits([near, words])) == "bdaec"


def test_common_words_have_little_weight() -> None:
    near = weight_by_nearness(build_hits(a=0.9, b=0.8, c=0.1), 0.5)
    common = weight_by_words(build_hits(x=5.2, y=5.1, z=5.0), 0.5, pool=3)
    assert join_texts(blend_hits([near, common]))[:2] == "ab"
    rare = weight_by_words(build_hits(x=5.2), 0.5, pool=3)
    assert join_texts(blend_hits([near, rare]))[:2] in ("ax", "xa")


def test_a_search_with_more_weight_counts_more() -> None:
    near, words = weight_by_nearness(build_hits(a=0.9, b=0.2), 0.2), weight_by_words(build_hits(c=4, d=3), 0.8, pool=9)
    assert join_texts(blend_hits([near, words])) == "cdab"


def test_hits_with_the_same_text_are_merged_with_the_better_score() -> None:
    twins = [Hit("1", "a", {"of": 1}, 0.4), Hit("2", "a", {"of": 2}, 0.6), Hit("3", "b", {}, 0.5)]
    assert [(hit.id, hit.score) for hit in blend_hits([[(hit, 1.0) for hit in twins]])] == [("2", 0.6), ("3", 0.5)]
    assert [(hit.id, hit.score) for hit in merge_hits([twins, build_hits(c=0.1)], 2)] == [("2", 0.6), ("3", 0.5)]


@pytest.mark.parametrize("score", [0.0, -1.0])
def test_scores_of_zero_and_below_have_no_weight(score: float) -> None:
    assert weight_by_words(build_hits(a=score), 1.0, pool=1)[0][1] == 0.0
    assert weight_by_nearness(build_hits(a=score), 1.0)[0][1] == 1.0


def test_no_hits_give_an_empty_result() -> None:
    assert (
        blend_hits([]) == []
        and merge_hits([], 3) == []
        and weight_by_words([], 1, 1) == []
        and weight_by_nearness([], 1) == []
    )
