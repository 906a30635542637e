"""The page about compatibility says what the program answers."""

from __future__ import annotations

from pathlib import Path

from fastback.cli import routes

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8").strip() == routes.markdown().strip(), (
        "run `fastback routes --markdown > docs/compatibility.md`"
    )
