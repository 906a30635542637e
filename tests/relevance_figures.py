"""How well questions were answered, and whether one way of searching does better than another."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

#: At which place the first passage stands that answers a question; 0 where none does of those that were looked at.
Ranks = Mapping[str, int]


class Figures(NamedTuple):
    """Recall and mean reciprocal rank over all questions; how many were answered, by kind."""

    recall: float
    reciprocal: float
    answered: dict[str, int]


def compute_figures(ranks: Ranks, kinds: Mapping[str, Collection[str]]) -> Figures:
    """The figures of the questions of these kinds."""
    asked = [question for questions in kinds.values() for question in questions]
    answered = {kind: sum(ranks[question] > 0 for question in questions) for kind, questions in kinds.items()}
    reciprocal = sum(1 / ranks[question] for question in asked if ranks[question]) / len(asked)
    return Figures(sum(answered.values()) / len(asked), reciprocal, answered)


class Comparison(NamedTuple):
    """Questions that one way answers and the other does not, and how likely chance alone makes such a difference.

    `chance` is what the two-sided sign test says: how often a fair coin falls as unevenly.
    """

    wins: list[str]
    losses: list[str]
    chance: float


def compare_ranks(one: Ranks, other: Ranks) -> Comparison:
    """One way of searching beside another."""
    wins = [question for question, rank in one.items() if rank and not other[question]]
    losses = [question for question, rank in other.items() if rank and not one[question]]
    return Comparison(wins, losses, compute_coin_chance(len(wins), len(losses)))


def compute_coin_chance(heads: int, tails: int) -> float:
    """How likely a fair coin falls at least as unevenly, to either side."""
    count = heads + tails
    tail: int = sum(math.comb(count, number) for number in range(min(heads, tails) + 1))
    return min(1.0, 2 * tail / int(2**count))
