"""Groups that sign-ins neither create, join nor leave: by name, wildcard or regular expression."""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import time
from typing import Any

import msgspec

log = logging.getLogger("fastback.oauth")

_REGEX_SIGNS = frozenset("^$[](){}+\\|")
#: Seconds that the regular expressions may take for one name, and for all names of a sign-in.
_NAME_SECONDS, _TOTAL_SECONDS = 0.1, 2.0


def parse_patterns(value: Any) -> list[str]:
    """Return the patterns of a configuration value: a list, a JSON array, or a text with commas."""
    if isinstance(value, str):
        try:
            decoded = msgspec.json.decode(value)
        except (msgspec.DecodeError, ValueError):
            decoded = None
        value = decoded if isinstance(decoded, list) else [pattern.strip() for pattern in value.split(",")]
    return [pattern for pattern in value if isinstance(pattern, str) and pattern] if isinstance(value, list) else []


async def find_blocked_names(names: set[str], patterns: list[str]) -> set[str]:
    """Return the names that a pattern matches.

    Names come from providers. Regular expressions run in a thread, and a name that takes them too long counts as
    blocked.
    """
    blocked = {name for name in names if any(_matches_plainly(name, pattern) for pattern in patterns)}
    expressions = [pattern for pattern in patterns if not _REGEX_SIGNS.isdisjoint(pattern)]
    remaining = names - blocked
    if expressions and remaining:
        blocked |= await asyncio.to_thread(_find_matches, remaining, expressions)
    return blocked


def _matches_plainly(name: str, pattern: str) -> bool:
    return name == pattern or (("*" in pattern or "?" in pattern) and fnmatch.fnmatch(name, pattern))


def _find_matches(names: set[str], patterns: list[str]) -> set[str]:
    import regex  # imported here because it takes two megabytes

    deadline = time.monotonic() + _TOTAL_SECONDS
    matches: set[str] = set()
    for pattern in patterns:
        try:
            expression = regex.compile(pattern)
        except (regex.error, RecursionError, OverflowError, ValueError):
            log.warning("invalid regular expression in the blocked groups, skipped: %r", pattern)
            continue
        for name in names - matches:
            seconds = min(_NAME_SECONDS, deadline - time.monotonic())
            try:
                if seconds <= 0 or expression.search(name, timeout=seconds, concurrent=True):
                    matches.add(name)
            except TimeoutError:
                log.warning("blocked groups: %r took too long for a name, which counts as blocked", pattern)
                matches.add(name)
    return matches
