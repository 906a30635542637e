"""Pages that write themselves by script, read by a browser that reaches nothing by itself."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest

from conftest import Person
from sample_web import RETRIEVAL, StubWeb, serve_web, update_web_settings

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("google-chrome")), reason="there is no browser"
)


@pytest.fixture
async def pages() -> AsyncIterator[StubWeb]:
    async with serve_web() as found:
        yield found


@pytest.fixture
def environment() -> dict[str, str]:
    return {"ENABLE_LOCAL_WEB_FETCH": "true", "WEB_LOADER_ENGINE": "playwright", "PLAYWRIGHT_TIMEOUT": "15000"}


async def test_a_page_is_read_as_a_browser_shows_it(ada: Person, pages: StubWeb, database: str) -> None:
    if database != "sqlite":
        pytest.skip("the database has no part in it")
    found = (await ada.post(f"{RETRIEVAL}/process/web", {"url": f"{pages.url}/scripted"}, process=False)).ok()
    assert found["content"] == "Scripted\nWritten by script: Roses, closed, closed"
    asked = [one.path for one in pages.requests]
    assert "/rose.png" not in asked and asked.count("/scripted") == 2  # looked at, and shown
    await update_web_settings(ada, PLAYWRIGHT_WS_URL="ws://127.0.0.1:9/")
    url = f"{pages.url}/scripted"
    reply = await ada.post(f"{RETRIEVAL}/process/web", {"url": url})
    reply.refused(400, f"[ERROR: Could not read content from {url}]")
