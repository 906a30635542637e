"""Write sections of the page of measurements."""

from __future__ import annotations

from pathlib import Path

PAGE = Path("docs/performance.md")


def write_section(heading: str, text: str) -> None:
    """Replace the section with this heading, or append it; other sections stay unchanged."""
    before, _, remainder = PAGE.read_text(encoding="utf-8").partition(f"{heading}\n")
    _, marker, after = remainder.partition("\n## ")
    following = f"\n## {after}" if marker else ""
    PAGE.write_text(f"{before.rstrip()}\n\n{heading}\n\n{text.strip()}\n{following}", encoding="utf-8")
