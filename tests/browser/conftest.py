"""A headless Chromium that shows the unmodified frontend."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from conftest import Server, serving
from fastback.demo.process import running as running_upstream
from fastback.frontend import fetch

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Errors on the console that the reference's own page shows too.
KNOWN: tuple[str, ...] = ()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield found
        await found.close()


@pytest.fixture(scope="session")
def calm_upstream() -> Iterator[str]:
    """A model server at the speed of a real one: a page that draws each word must keep up."""
    with running_upstream(rate=150) as url:
        yield url


@pytest.fixture
async def site(calm_upstream: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A fresh server with the frontend, on SQLite."""
    if not fetch.is_complete(fetch.location()):
        pytest.skip("the frontend was not fetched (fastback frontend)")
    env = {
        "OPENAI_API_BASE_URLS": f"{calm_upstream}/v1",
        "OPENAI_API_KEYS": "key",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_VERSION_UPDATE_CHECK": "false",
        # Switched off they answer 403, to the page's first question too, which now and then comes before it knows.
        "ENABLE_CHANNELS": "true",
    }
    async with serving(env, tmp_path, "sqlite") as server:
        yield server


class Tab:
    """A page and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("response", self._response)

    def _console(self, message: Any) -> None:
        if message.type == "error" and not any(known in message.text for known in KNOWN):
            self.wrong.append(f"console: {message.text}")

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status} {response.request.method} {response.url}")


@pytest.fixture
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    page = await context.new_page()
    page.set_default_timeout(15_000)
    yield Tab(page)
    await context.close()
