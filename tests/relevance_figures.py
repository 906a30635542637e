"""Figures on how well searches answer questions, and comparisons of two ways of searching."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

#: The rank of the first passage that answers each question; 0 if no examined passage does.
Ranks = Mapping[str, int]


class Figures(NamedTuple):
    """Recall and mean reciprocal rank over all questions, and the number of answered questions by kind."""

    recall: float
    reciprocal: float
    answered: dict[str, int]


def compute_figures(ranks: Ranks, kinds: Mapping[str, Collection[str]]) -> Figures:
    """Return the figures of the questions of these kinds."""
    all_questions = [question for questions in kinds.values() for question in questions]
    answered = {kind: sum(ranks[question] > 0 for question in questions) for kind, questions in kinds.items()}
    reciprocal = sum(1 / ranks[question] for question in all_questions if ranks[question]) / len(all_questions)
    return Figures(sum(answered.values()) / len(all_questions), reciprocal, answered)


class Comparison(NamedTuple):
    """Questions that only one of two searches answers, and the probability of such a difference by chance.

    `chance` is the result of the two-sided sign test: the probability that a fair coin falls at least as unevenly.
    """

    wins: list[str]
    losses: list[str]
    chance: float


def compare_ranks(first: Ranks, second: Ranks) -> Comparison:
    """Compare the ranks of two ways of searching."""
    wins = [question for question, rank in first.items() if rank and not second[question]]
    losses = [question for question, rank in second.items() if rank and not first[question]]
    return Comparison(wins, losses, compute_coin_chance(len(wins), len(losses)))


def compute_coin_chance(heads: int, tails: int) -> float:
    """Return the probability that a fair coin falls at least as unevenly, to either side."""
    count = heads + tails
    tail: int = sum(math.comb(count, number) for number in range(min(heads, tails) + 1))
    return min(1.0, 2 * tail / int(2**count))
