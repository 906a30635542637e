"""Cutting Markdown at its headings, at the same places as Open WebUI.

Lines are stripped, and what is not seen of them is left out; empty lines end a paragraph. Paragraphs below the same
headings belong together; two blanks and a line end stand between them. A heading stays with what follows it. Lines in
fenced code are no headings.
"""

from __future__ import annotations

import re

_HEADING = re.compile(r"(#{1,6})(?: (.*))?\Z", re.DOTALL)
#: The headings above a line, outermost first: how deep each is, and its text.
_Path = tuple[tuple[int, str], ...]


def split(text: str) -> list[str]:
    """The sections, in order, headings included."""
    return _sections(_paragraphs(text))


def _visible(line: str) -> str:
    line = line.strip()
    return line if line.isprintable() else "".join(filter(str.isprintable, line))


def _fence(line: str) -> str:
    """The fence that a line opens, or nothing."""
    if line.startswith("```") and line.count("```") == 1:
        return "```"
    return "~~~" if line.startswith("~~~") else ""


def _paragraphs(text: str) -> list[tuple[list[str], _Path]]:
    """Lines that stand together, and what they stand below."""
    found: list[tuple[list[str], _Path]] = []
    lines: list[str] = []
    # The headings above the line now read, and above the lines gathered so far.
    path: _Path = ()
    above: _Path = ()
    fence = ""
    for raw in text.split("\n"):
        line = _visible(raw)
        if not fence:
            fence = _fence(line)
        elif line.startswith(fence):
            fence = ""
        if fence:
            lines.append(line)
            continue
        heading = _HEADING.match(line)
        if heading is not None:
            depth = len(heading[1])
            path = (*(one for one in path if one[0] < depth), (depth, (heading[2] or "").strip()))
        if lines and (heading is not None or not line):
            found.append((lines, above))
            lines = []
        if line:
            lines.append(line)
        above = path
    if lines:
        found.append((lines, above))
    return found


def _sections(paragraphs: list[tuple[list[str], _Path]]) -> list[str]:
    """Paragraphs put together: those below the same headings, and a heading with the deeper ones below it."""
    sections: list[list[str]] = []
    last: _Path = ()
    for lines, path in paragraphs:
        text = "\n".join(lines)
        if sections and (path == last or (len(last) < len(path) and _ends_in_heading(sections[-1][-1]))):
            sections[-1].append(text)
        else:
            sections.append([text])
        last = path
    return ["  \n".join(one) for one in sections]


def _ends_in_heading(text: str) -> bool:
    return text[text.rfind("\n") + 1 :].startswith("#")
