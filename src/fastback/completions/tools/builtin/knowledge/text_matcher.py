"""Find a pattern in the lines of texts: literally, or as a regular expression whose time is limited."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import regex

from fastback.completions.tools.builtin.knowledge.file_view import iterate_lines
from fastback.completions.tools.offered_tool import ToolError

#: Characters of a pattern, and of a line that is returned.
_MAX_PATTERN, _MAX_LINE = 4096, 2000
#: Parts of patterns that are taken for regular expressions.
_REGEX_SIGNS = ("|", ".*", ".+", ".?", r"\d", r"\w", r"\s")
_BRACKETS = regex.compile(r"\[.+\]")


class MatchingLine(msgspec.Struct):
    number: int
    text: str


class Matches(msgspec.Struct):
    """How many lines match, and the first of them."""

    count: int
    lines: list[MatchingLine]


class TimeBudget:
    """The seconds that all regular expressions of one call may take together."""

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._remaining = seconds

    def search(self, expression: regex.Pattern[str], line: str) -> bool:
        """Return whether an expression matches a part of a line. Other threads run meanwhile.

        Raises:
            ToolError: the time is over.
        """
        begin = time.monotonic()
        try:
            if self._remaining <= 0:
                raise TimeoutError
            return expression.search(line, timeout=self._remaining, concurrent=True) is not None
        except TimeoutError:
            raise ToolError(f"Search exceeded {self._seconds:g}s, narrow the pattern") from None
        finally:
            self._remaining -= time.monotonic() - begin


class TextMatcher:
    """A pattern of a model."""

    def __init__(
        self, pattern: str, *, ignores_case: bool = False, is_regex: bool = False, budget: TimeBudget | None = None
    ) -> None:
        """Compile a pattern; one that looks like a regular expression is one.

        Raises:
            ToolError: it is invalid.
        """
        if not pattern.strip():
            raise ToolError("Pattern is required")
        if len(pattern) > _MAX_PATTERN:
            raise ToolError(f"Search patterns over {_MAX_PATTERN} characters are not supported")
        self._pattern = pattern.lower() if ignores_case else pattern
        self._ignores_case = ignores_case
        self._budget = budget or TimeBudget()
        self._expression: regex.Pattern[str] | None = None
        if is_regex or any(sign in pattern for sign in _REGEX_SIGNS) or _BRACKETS.search(pattern):
            self._expression = _compile(pattern, ignores_case=ignores_case)

    def find_matches(self, text: str, limit: int) -> Matches:
        """Return the matches in a text, with the first `limit` lines. Runs in a thread.

        Raises:
            ToolError: the time is over.
        """
        matches = Matches(0, [])
        for number, line in self._iterate_matches(text):
            matches.count += 1
            if matches.count <= limit:
                matches.lines.append(MatchingLine(number, shorten_line(line)))
        return matches

    def is_in(self, line: str) -> bool:
        """Return whether a line matches."""
        if self._expression is not None:
            return self._budget.search(self._expression, line)
        return self._pattern in (line.lower() if self._ignores_case else line)

    def _iterate_matches(self, text: str) -> Iterator[tuple[int, str]]:
        if self._expression is None and not self._ignores_case and self._pattern not in text:
            return
        for number, start, end in iterate_lines(text):
            line = text[start:end]
            if self.is_in(line):
                yield number, line


def shorten_line(line: str) -> str:
    """Return a line, its end cut off where it is very long."""
    return line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}…"


def _compile(pattern: str, *, ignores_case: bool) -> regex.Pattern[str]:
    try:
        # `\|` separates alternatives for grep.
        return regex.compile(pattern.replace(r"\|", "|"), regex.IGNORECASE if ignores_case else 0)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise ToolError(f"Invalid or unsupported regex: {error}") from None
