"""Pages of a file's text, by characters or by lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

#: Lines that are returned where the end is open.
_LINES = 100


def iterate_lines(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield number (from 1), start and end of each line; a text is never split as a whole, as it may be large."""
    number, start = 1, 0
    while (end := text.find("\n", start)) != -1:
        yield number, start, end
        number, start = number + 1, end + 1
    yield number, start, len(text)


def view_characters(text: str, *, offset: int, limit: int, numbered: bool) -> Json:
    """Return `content`, and where more of the text exists, which part of it that is."""
    part = text[offset : offset + limit]
    length = len(part)
    is_truncated = offset + length < len(text)
    if numbered:
        first = text.count("\n", 0, offset) + 1
        part = "\n".join(f"{first + index}: {line}" for index, line in enumerate(part.split("\n")))
    view: Json = {"content": part}
    if is_truncated or offset > 0:
        view |= {"truncated": is_truncated, "total_chars": len(text), "returned_chars": length, "offset": offset}
    if is_truncated:
        view["next_offset"] = offset + length
    return view


def view_lines(text: str, *, first: int | None, last: int | None, limit: int) -> Json:
    """Return `content` with numbered lines from `first` to `last`, at most `limit` characters of them."""
    total = text.count("\n") + 1
    start = max(1, first or 1)
    end = min(total, last or start + _LINES - 1)
    lines: list[str] = []
    size = 0
    for number, begin, stop in iterate_lines(text):
        if number > end:
            break
        if number >= start:
            line = f"{number}: {text[begin : min(stop, begin + limit)]}"
            if lines and size + len(line) > limit:
                end = number - 1
                break
            lines.append(line)
            size += len(line)
    view: Json = {"content": "\n".join(lines), "total_lines": total, "showing_lines": f"{start}-{end}"}
    if end < total:
        view |= {"truncated": True, "next_start_line": end + 1}
    return view
