"""Patterns that models search texts for: literal text, or regular expressions whose time can be limited."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

#: Characters of a pattern.
MAX_LENGTH = 4096
#: Parts of patterns that are taken for regular expressions.
_REGEX_SIGNS = ("|", ".*", ".+", ".?", r"\d", r"\w", r"\s")


class InvalidPattern(ValueError):
    """The pattern cannot be searched for; the text is for the model."""


def check_pattern(pattern: str) -> None:
    """Check the length of a pattern.

    Raises:
        InvalidPattern: it is blank, or too long.
    """
    if len(pattern) > MAX_LENGTH:
        raise InvalidPattern(f"Search patterns over {MAX_LENGTH} characters are not supported")
    if not pattern.strip():
        raise InvalidPattern("Pattern is required")


def is_regular_expression(pattern: str) -> bool:
    """Return whether a pattern looks like a regular expression."""
    return any(sign in pattern for sign in _REGEX_SIGNS) or 0 <= pattern.find("[") < pattern.rfind("]") - 1


def compile_pattern(pattern: str, *, ignores_case: bool, is_literal: bool = False) -> regex.Pattern[str]:
    r"""Return a pattern as a regular expression whose searches take a `timeout`; `\|` separates alternatives, too.

    Raises:
        InvalidPattern: it is invalid.
    """
    import regex  # imported here because it takes two megabytes, and few turns search

    source = regex.escape(pattern) if is_literal else pattern.replace(r"\|", "|")
    try:
        return regex.compile(source, regex.IGNORECASE if ignores_case else 0)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise InvalidPattern(f"Invalid or unsupported regex: {error}") from None
