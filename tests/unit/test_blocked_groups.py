"""Groups that sign-ins neither join nor leave: patterns in three spellings, also those that take too long."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fastback.features.oauth.blocked_groups import find_blocked_names, parse_patterns


@pytest.mark.parametrize(
    ("value", "patterns"),
    [
        (["a", "", 5, "b,c"], ["a", "b,c"]),
        ('["a", "b,c", null]', ["a", "b,c"]),
        ("a, b ,", ["a", "b"]),
        ("[broken", ["[broken"]),
        ("", []),
        ("{}", ["{}"]),
        (None, []),
        (7, []),
    ],
)
def test_patterns_are_a_list_or_a_text(value: Any, patterns: list[str]) -> None:
    assert parse_patterns(value) == patterns


@pytest.mark.parametrize(
    ("pattern", "blocked"),
    [
        ("admin", {"admin"}),
        ("adm*", {"admin", "admins"}),
        ("admin?", {"admins"}),
        ("^adm", {"admin", "admins"}),
        ("min$", {"admin"}),
        ("(admins|chess)", {"admins", "chess"}),
        ("che[", set()),
        ("(unclosed", set()),
        ("che(*", set()),
        ("a{99999999999}", set()),
    ],
)
async def test_patterns_match_names(pattern: str, blocked: set[str]) -> None:
    assert await find_blocked_names({"admin", "admins", "chess"}, [pattern]) == blocked


async def test_a_pattern_that_takes_too_long_blocks_the_name() -> None:
    slow_name = "a" * 60 + "!"
    pattern = r"(a|aa)+$"
    assert await find_blocked_names({slow_name, "short"}, [pattern]) == {slow_name}
    started = time.monotonic()
    blocked = await find_blocked_names({f"{number}{slow_name}" for number in range(100)}, [pattern])
    assert time.monotonic() - started < 5
    assert len(blocked) == 100  # also those for which no time was left
