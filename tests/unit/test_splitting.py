"""Cutting texts: paragraphs, lines, words; headings; sections put together."""

from __future__ import annotations

from fastback.retrieval.splitting import markdown
from fastback.retrieval.splitting.recursive import Recursive


def test_cuts_at_the_coarsest_separator_that_fits() -> None:
    text = "one two three\nfour five\n\nsix seven eight nine ten"
    assert Recursive(14, 0).split(text) == ["one two three", "four five", "six seven", "eight nine", "ten"]
    assert Recursive(12, 5).split("abcdefghijklmnopqrstuvwxyz") == ["abcdefghijkl", "hijklmnopqrs", "opqrstuvwxyz"]


def test_headings_stay_with_what_follows_them() -> None:
    text = "# A\n\nabove\n\n## B\n\nb\nb\n\n```\n# no heading\n```\n# C\nc"
    assert markdown.split(text) == ["# A  \nabove", "## B  \nb\nb  \n```\n# no heading\n```", "# C\nc"]
