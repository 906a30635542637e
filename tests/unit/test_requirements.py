"""The `requirements:` of plugins, as authors write them."""

from __future__ import annotations

import pytest

from fastback.plugins.requirements import parse_requirements


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("requests, bs4", ["requests", "bs4"]),
        ("requests bs4>=4 , <5", ["requests", "bs4>=4,<5"]),
        ("foo>=1.0,<2.0,bar", ["foo>=1.0,<2.0", "bar"]),
        ("foo (>= 1.0)", ["foo>=1.0"]),
        ("aiohttp; loguru", ["aiohttp", "loguru"]),
        ("foo; python_version < '3.12', bar", ["foo; python_version < '3.12'", "bar"]),
        ("uvicorn[standard,extra]>=1, httpx [socks]", ["uvicorn[standard,extra]>=1", "httpx[socks]"]),
        ("['requests', \"bs4\"]", ["requests", "bs4"]),
        ("requests # for HTTP", ["requests"]),
        ("git+https://example.com/a.git@v1, b", ["git+https://example.com/a.git@v1", "b"]),
        ("a @ https://example.com/a.whl", ["a @ https://example.com/a.whl"]),
        ("a, a, b", ["a", "b"]),
        ("", []),
    ],
)
def test_entries_are_separated(text: str, entries: list[str]) -> None:
    assert parse_requirements(text) == (entries, [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("None", "is a placeholder"),
        ("[list]", "is not the name of a package"),
        ("asyncio", "is a part of Python"),
        ("open_webui", "needs no installation"),
        ("python>=3.11", "needs no installation"),
        ("--index-url https://example.com evil", "is not the name of a package"),
        ("foo>=", "is not the name of a package"),
        ("größe", "is not the name of a package"),
    ],
)
def test_what_names_no_package_is_skipped(text: str, reason: str) -> None:
    entries, skipped = parse_requirements(f"{text}, requests")
    assert entries == ["requests"] and [entry.reason for entry in skipped] == [reason]
