"""Find a pattern in the lines of texts: literally, or as a regular expression whose time is limited."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from fastback.completions.tools.builtin.knowledge.file_view import iterate_lines
from fastback.completions.tools.offered_tool import ToolError
from fastback.kit.search_patterns import InvalidPattern, check_pattern, compile_pattern, is_regular_expression

if TYPE_CHECKING:
    import regex

#: Characters of a line that is returned.
_MAX_LINE = 2000


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
        self._pattern = pattern.lower() if ignores_case else pattern
        self._ignores_case = ignores_case
        self._budget = budget or TimeBudget()
        self._expression: regex.Pattern[str] | None = None
        try:
            check_pattern(pattern)
            if is_regex or is_regular_expression(pattern):
                self._expression = compile_pattern(pattern, ignores_case=ignores_case)
        except InvalidPattern as error:
            raise ToolError(str(error)) from None

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
