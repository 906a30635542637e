"""Search the files of a skill for a pattern: excerpts around the matches, of limited length together."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.features.skills.files import MAIN_FILE
from fastback.features.skills.schemas import SkillFile
from fastback.kit.search_patterns import check_pattern, compile_pattern, is_regular_expression

Json = dict[str, Any]

#: Characters of a result as JSON, and of the locations that it lists without their text.
RESULT_LENGTH, _LOCATIONS_LENGTH = 6_000, 2_000
#: Characters around a match, and of an excerpt; excerpts that a model can ask for; locations that are listed.
_AROUND, _EXCERPT_LENGTH, _MAX_EXCERPTS, _MAX_LOCATIONS = 300, 1_200, 30, 30
#: Seconds that one search may take.
_SECONDS = 2.0
_EXCERPTS_OMITTED = "Excerpts omitted; see omitted_matches."
_LOCATIONS_OMITTED = "More locations omitted; narrow the pattern or specify path."

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n.*?\r?\n---[ \t]*(?:\r?\n|$)", re.DOTALL)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*)|$)")


class Heading(msgspec.Struct):
    """A heading of a text in Markdown, and where its line begins."""

    title: str
    offset: int


def search_files(files: list[SkillFile], pattern: str, *, ignores_case: bool, max_excerpts: int) -> Json:
    """Return the matches of a pattern in the texts among some files. Runs in a thread.

    Raises:
        ValueError: the pattern is invalid, or takes too long; the text is for the model.
    """
    return _FileSearch(pattern, ignores_case=ignores_case, max_excerpts=max_excerpts).run(files)


class _FileSearch:
    """One search."""

    def __init__(self, pattern: str, *, ignores_case: bool, max_excerpts: int) -> None:
        """Compile a pattern; one that looks like a regular expression is one.

        Raises:
            ValueError: it is invalid.
        """
        check_pattern(pattern)
        is_literal = not is_regular_expression(pattern)
        self._expression = compile_pattern(pattern, ignores_case=ignores_case, is_literal=is_literal)
        self._max_excerpts = min(_MAX_EXCERPTS, max(1, max_excerpts))
        self._deadline = time.monotonic() + _SECONDS
        self._result: Json = {"matches": [], "total_matches": 0, "truncated": False}
        self._takes_excerpts = self._takes_locations = True

    def run(self, files: list[SkillFile]) -> Json:
        """Return the matches in the texts among the files, the main file first.

        Raises:
            ValueError: it took too long.
        """
        try:
            for file in sorted(files, key=lambda file: (file.path != MAIN_FILE, file.path)):
                if not file.encoding:
                    self._search_file(file)
        except TimeoutError:
            raise ValueError(f"Search exceeded {_SECONDS:g}s, narrow the pattern") from None
        result = self._result
        while len(msgspec.json.encode(result).decode()) > RESULT_LENGTH and result.get("omitted_matches"):
            result["omitted_matches"].pop()
            result |= {"omitted_matches_truncated": True, "notice": _LOCATIONS_OMITTED}
        return result

    def _search_file(self, file: SkillFile) -> None:
        headings = iterate_headings(file.content)
        heading: Heading | None = None
        next_heading = next(headings, None)
        window: tuple[int, int] | None = None
        for start, end in self._iterate_spans(file.content):
            self._result["total_matches"] += 1
            if not self._takes_excerpts and not self._takes_locations:
                continue
            while next_heading is not None and next_heading.offset <= start:
                heading, next_heading = next_heading, next(headings, None)
            if self._takes_excerpts:
                added_window = self._add_excerpt(file, start, end, heading, window)
                if added_window is not None:
                    window = added_window
                    continue
            self._add_location(file.path, start, heading)

    def _iterate_spans(self, content: str) -> Iterator[tuple[int, int]]:
        """Yield where the pattern matches a part of a line that is not empty.

        Raises:
            TimeoutError: the time is over.
        """
        offset = 0
        for line in content.splitlines(keepends=True):
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            for match in self._expression.finditer(line.rstrip("\r\n"), timeout=remaining, concurrent=True):
                if match.end() > match.start():
                    yield offset + match.start(), offset + match.end()
            offset += len(line)

    def _add_excerpt(
        self, file: SkillFile, start: int, end: int, heading: Heading | None, window: tuple[int, int] | None
    ) -> tuple[int, int] | None:
        """Add the text around a match, joined with the `window` before it where they overlap.

        Return the window that was added_window, or None where there is no more room.
        """
        matches: list[Json] = self._result["matches"]
        lower, upper = _find_window(file.content, start, end)
        if window is not None and lower < window[1] and max(upper, window[1]) - window[0] <= _EXCERPT_LENGTH:
            lower, upper = window[0], max(upper, window[1])
            candidates = [*matches[:-1], {**matches[-1], "excerpt": file.content[lower:upper]}]
        else:
            entry = {
                "path": file.path,
                "offset": start,
                "match_length": end - start,
                "section": heading.title if heading else None,
                "section_offset": heading.offset if heading else None,
                "excerpt": file.content[lower:upper],
            }
            candidates = [*matches, entry]
        length = len(msgspec.json.encode(candidates).decode())
        if len(candidates) > self._max_excerpts or length > RESULT_LENGTH - _LOCATIONS_LENGTH - 200:
            self._takes_excerpts = False
            self._result |= {
                "truncated": True,
                "notice": _EXCERPTS_OMITTED,
                "omitted_matches": [],
                "omitted_matches_truncated": False,
            }
            return None
        self._result["matches"] = candidates
        return lower, upper

    def _add_location(self, path: str, start: int, heading: Heading | None) -> None:
        """Add where a match is."""
        location = {"path": path, "offset": start, "section": heading.title if heading else None}
        locations = [*self._result["omitted_matches"], location]
        is_full = len(msgspec.json.encode(locations).decode()) > _LOCATIONS_LENGTH
        if len(locations) <= _MAX_LOCATIONS and not is_full:
            self._result["omitted_matches"] = locations
            return
        self._takes_locations = False
        self._result |= {"omitted_matches_truncated": True, "notice": _LOCATIONS_OMITTED}


def iterate_headings(content: str) -> Iterator[Heading]:
    """Yield the headings of a text in Markdown, without those in front matter and code."""
    front_matter = _FRONT_MATTER.match(content)
    body_start = front_matter.end() if front_matter else 0
    fence: str | None = None
    offset = 0
    for line in content.splitlines(keepends=True):
        line_start, offset = offset, offset + len(line)
        if line_start < body_start:
            continue
        text = line.rstrip("\r\n")
        marker = _FENCE.match(text)
        if fence is not None:
            if marker and marker[1][0] == fence[0] and len(marker[1]) >= len(fence) and not marker[2].strip():
                fence = None
        elif marker and (marker[1][0] == "~" or "`" not in marker[2]):
            fence = marker[1]
        elif heading := _HEADING.match(text):
            yield Heading(_remove_closing_marks(heading[2] or ""), line_start)


def _remove_closing_marks(title: str) -> str:
    """Return a title without the `#` after it; those that touch a word belong to it."""
    title = title.strip()
    text = title.rstrip("#")
    return text.rstrip() if text == "" or text[-1].isspace() else title


def _find_window(content: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the text around a match; words at its ends are whole."""
    lower = max(0, start - _AROUND)
    upper = min(len(content), end + _AROUND, lower + _EXCERPT_LENGTH)
    if lower and not content[lower - 1].isspace():
        lower = next((index + 1 for index in range(lower, start) if content[index].isspace()), lower)
    if upper < len(content) and not content[upper].isspace():
        upper = next((index for index in range(upper - 1, end - 1, -1) if content[index].isspace()), upper)
    return lower, upper
