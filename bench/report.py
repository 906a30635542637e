"""The page that measurements are kept in, section by section."""

from __future__ import annotations

from pathlib import Path

PAGE = Path("docs/performance.md")


def put(heading: str, text: str) -> None:
    """Put a section into the place of the one with its heading, or at the end; the others stay."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(f"{heading}\n")
    _, marker, after = rest.partition("\n## ")
    following = f"\n## {after}" if marker else ""
    PAGE.write_text(f"{before.rstrip()}\n\n{heading}\n\n{text.strip()}\n{following}", encoding="utf-8")
