"""Split Markdown at its headings, at the same positions as Open WebUI.

Lines are stripped, and invisible characters are removed; empty lines end a paragraph. Paragraphs below the same
headings form a section, joined by two spaces and a line end. A heading stays with the text that follows it. Lines in
fenced code are never headings.
"""

from __future__ import annotations

import re

_HEADING = re.compile(r"(#{1,6})(?: (.*))?\Z", re.DOTALL)
#: The headings above a line, outermost first: the level and the text of each.
_HeadingPath = tuple[tuple[int, str], ...]


def split_sections(text: str) -> list[str]:
    """Return the sections in order, headings included."""
    return _join_sections(_split_paragraphs(text))


def _clean_line(line: str) -> str:
    line = line.strip()
    return line if line.isprintable() else "".join(filter(str.isprintable, line))


def _find_fence(line: str) -> str:
    """Return the fence that a line opens; empty where it opens none."""
    if line.startswith("```") and line.count("```") == 1:
        return "```"
    return "~~~" if line.startswith("~~~") else ""


def _split_paragraphs(text: str) -> list[tuple[list[str], _HeadingPath]]:
    """Return the lines of each paragraph, with the headings above it."""
    paragraphs: list[tuple[list[str], _HeadingPath]] = []
    lines: list[str] = []
    # The headings above the current line, and above the lines collected so far.
    path: _HeadingPath = ()
    above: _HeadingPath = ()
    fence = ""
    for raw in text.split("\n"):
        line = _clean_line(raw)
        if not fence:
            fence = _find_fence(line)
        elif line.startswith(fence):
            fence = ""
        if fence:
            lines.append(line)
            continue
        heading = _HEADING.match(line)
        if heading is not None:
            depth = len(heading[1])
            path = (*(ancestor for ancestor in path if ancestor[0] < depth), (depth, (heading[2] or "").strip()))
        if lines and (heading is not None or not line):
            paragraphs.append((lines, above))
            lines = []
        if line:
            lines.append(line)
        above = path
    if lines:
        paragraphs.append((lines, above))
    return paragraphs


def _join_sections(paragraphs: list[tuple[list[str], _HeadingPath]]) -> list[str]:
    """Join the paragraphs below the same headings; a heading is joined with the deeper ones that follow it."""
    sections: list[list[str]] = []
    previous_path: _HeadingPath = ()
    for lines, path in paragraphs:
        text = "\n".join(lines)
        if sections and (
            path == previous_path or (len(previous_path) < len(path) and _ends_in_heading(sections[-1][-1]))
        ):
            sections[-1].append(text)
        else:
            sections.append([text])
        previous_path = path
    return ["  \n".join(section) for section in sections]


def _ends_in_heading(text: str) -> bool:
    return text[text.rfind("\n") + 1 :].startswith("#")
