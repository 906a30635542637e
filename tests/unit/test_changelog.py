"""The changelog in the shape that the page reads."""

from __future__ import annotations

from fastback.frontend.changelog import parse_changelog

TEXT = """# Changelog

All notable changes are told here.

## [2.1.0] - 2026-10-25

### Added

- 🎯 **Load on demand.** Set "A_B" under Settings > General. [Commit](https://example.com/a), [#12](https://example.com/b)
- **Tables**: shown with `a < b` & more.

### Fixed

- A pattern such as github\\_\\* and an entity &quot; and a "<tag>" in the text
  that goes on in the next line.

## [2.0.0] - 2026-09-01

### Changed

- Everything
  - and a little more

## [1.0.0] - 2026-01-01
"""


def test_the_changelog_has_the_shape_that_the_page_reads() -> None:
    changelog = parse_changelog(TEXT)
    assert [(version, list(sections)) for version, sections in changelog.items()] == [
        ("2.1.0", ["date", "added", "fixed"]),
        ("2.0.0", ["date", "changed"]),
        ("1.0.0", ["date"]),
    ]
    assert changelog["2.1.0"]["date"] == "2026-10-25"
    assert changelog["2.1.0"]["added"] == [
        {
            "title": "",
            "content": '🎯 Load on demand. Set "A_B" under Settings > General. Commit , #12',
            "raw": '<li>🎯 <strong>Load on demand.</strong> Set "A_B" under Settings &gt; General. '
            '<a href="https://example.com/a">Commit</a>, <a href="https://example.com/b">#12</a></li>',
        },
        {
            "title": "Tables",
            "content": "shown with a < b & more.",
            "raw": "<li><strong>Tables</strong>: shown with <code>a &lt; b</code> &amp; more.</li>",
        },
    ]
    assert [entry["content"] for entry in changelog["2.0.0"]["changed"]] == ["Everything", "and a little more"]


def test_no_html_of_the_file_reaches_the_page() -> None:
    (item,) = parse_changelog(TEXT)["2.1.0"]["fixed"]
    assert item["content"].startswith('A pattern such as github_* and an entity " and a "<tag>" in the text\nthat')
    assert "&lt;tag&gt;" in item["raw"]


def test_only_the_newest_versions_are_listed() -> None:
    assert list(parse_changelog(TEXT, limit=2)) == ["2.1.0", "2.0.0"]
    assert parse_changelog("nothing of the kind") == {}
