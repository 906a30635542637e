"""Packages that plugins import without requiring them."""

from __future__ import annotations

import pytest

from fastback.features.plugins import imported_packages
from fastback.features.plugins.imported_packages import list_imported_packages

CODE = """
import requests, os
import pandas as pd
from PIL import Image
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import OpenAI

try:
    import orjson

    import rich
except ImportError:
    orjson = None


class Tools:
    def count(self):
        from sqlalchemy.orm import Session
        import pandas

        text = "import lxml"
"""


def test_packages_of_open_webui_are_found_where_they_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imported_packages, "_is_installed", lambda module: module == "requests")
    assert list_imported_packages(CODE) == ["pandas", "pillow", "sqlalchemy[asyncio]"]


def test_packages_of_the_server_are_not_listed() -> None:
    assert list_imported_packages("import httpx\nimport pandas_of_mine\nimport requests") == []
