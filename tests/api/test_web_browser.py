"""Pages that scripts write, read by a browser that has no network access of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest

from conftest import Person
from sample_web import RETRIEVAL, StubWeb, enable_web_search, serve_web, update_web_settings

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("google-chrome")), reason="there is no browser"
)


@pytest.fixture
async def pages() -> AsyncIterator[StubWeb]:
    async with serve_web() as stub:
        yield stub


@pytest.fixture
def environment() -> dict[str, str]:
    return {"ENABLE_LOCAL_WEB_FETCH": "true", "WEB_LOADER_ENGINE": "playwright", "PLAYWRIGHT_TIMEOUT": "15000"}


async def test_a_page_is_read_as_a_browser_shows_it(ada: Person, pages: StubWeb, database: str) -> None:
    if database != "sqlite":
        pytest.skip("the test does not depend on the database")
    result = (await ada.post(f"{RETRIEVAL}/process/web", {"url": f"{pages.url}/scripted"}, process=False)).ok()
    assert result["content"] == "Scripted\nWritten by script: Roses, closed, closed"
    paths = [request.path for request in pages.requests]
    assert "/rose.png" not in paths and paths.count("/scripted") == 2  # checked, then shown
    await update_web_settings(ada, PLAYWRIGHT_WS_URL="ws://127.0.0.1:9/")
    url = f"{pages.url}/scripted"
    reply = await ada.post(f"{RETRIEVAL}/process/web", {"url": url})
    reply.refused(400, f"[ERROR: Could not read content from {url}]")


async def test_a_search_reads_documents_beside_pages_and_skips_errors(
    ada: Person, pages: StubWeb, database: str
) -> None:
    if database != "sqlite":
        pytest.skip("the test does not depend on the database")
    await enable_web_search(ada, pages, BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL=True)
    paths = ("/scripted", "/paper.pdf", "/missing")
    pages.results = [pages.make_result(path) for path in paths]
    result = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    assert result["filenames"] == [f"{pages.url}/scripted", f"{pages.url}/paper.pdf"]
    texts = [doc["content"] for doc in result["docs"]]
    assert texts == ["Scripted\nWritten by script: Roses, closed, closed", "Tulips open.", "Asters close."]
    reply = await ada.post(f"{RETRIEVAL}/process/web", {"url": f"{pages.url}/missing"})
    reply.refused(400, f"[ERROR: Could not read content from {pages.url}/missing]")
