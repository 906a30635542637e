"""A headless Chromium that shows the unmodified frontend."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from conftest import Person, Server, run_server
from fastback.demo.process import run_demo_server as running_upstream
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

#: Milliseconds that a page may take where other tests keep the machine busy.
_PATIENCE = 15_000
expect.set_options(timeout=_PATIENCE)

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
def variables() -> dict[str, str]:
    """Further variables of the server; a test module may say some."""
    return {}


@pytest.fixture
async def site(calm_upstream: str, variables: dict[str, str], tmp_path: Path) -> AsyncIterator[Server]:
    """A fresh server with the frontend, on SQLite."""
    if not fetch.is_complete(fetch.get_location()):
        pytest.skip("the frontend was not fetched (fastback frontend)")
    env = {
        "OPENAI_API_BASE_URLS": f"{calm_upstream}/v1",
        "OPENAI_API_KEYS": "key",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_VERSION_UPDATE_CHECK": "false",
        # Switched off they answer 403, to the page's first question too, which now and then comes before it knows.
        "ENABLE_CHANNELS": "true",
        **variables,
    }
    async with run_server(env, tmp_path, "sqlite") as server:
        yield server


#: What turns while something loads.
_SPINNERS = ".spinner_ajPY, .animate-spin"


class Tab:
    """A page and what went wrong in it.

    Attributes:
        expected: ends of addresses whose refusal the reference's page meets, too.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.expected: tuple[str, ...] = ()
        self.requests: list[str] = []
        self._waiting: set[Any] = set()
        self._quiet_since = time.monotonic()
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failure)
        page.on("console", self._on_console_message)
        page.on("pageerror", lambda error: self.errors.append(f"error: {error}"))
        page.on("response", self._on_response)

    async def wait_until_settled(self, quiet: float = 0.2, patience: float = 15) -> None:
        """Wait until nothing has been asked for `quiet` seconds and nothing turns any more.

        Raises:
            TimeoutError: something still does after `patience` seconds.
        """
        began = time.monotonic()
        while True:
            now = time.monotonic()
            calm = not self._waiting and now - self._quiet_since >= quiet
            if calm and not await self.page.locator(_SPINNERS).locator("visible=true").count():
                return
            if now - began > patience:
                raise TimeoutError(f"{self.page.url} turns; waiting for {[one.url for one in self._waiting]}")
            await asyncio.sleep(0.02)

    def _on_request(self, request: Any) -> None:
        if "/ws/socket.io" not in request.url:  # which stays open
            self._waiting.add(request)
            self.requests.append(f"{request.method} {request.url}")

    def _mark_answered(self, request: Any) -> None:
        self._waiting.discard(request)
        self._quiet_since = time.monotonic()

    def _on_failure(self, request: Any) -> None:
        """Leaving a page breaks off what it asked for; the rest is an answer that never came."""
        self._mark_answered(request)
        if "ERR_ABORTED" not in (request.failure or ""):
            self.errors.append(f"{request.failure} {request.method} {request.url}")

    def _on_console_message(self, message: Any) -> None:
        if message.type != "error" or any(known in message.text for known in KNOWN):
            return
        if not str(message.location.get("url", "")).endswith(self.expected or ("\0",)):
            self.errors.append(f"console: {message.text}")

    def _on_response(self, response: Any) -> None:
        """What was asked counts as answered when the answer begins: nobody reads on where only the status matters."""
        self._mark_answered(response.request)
        if response.status >= 400 and not response.url.endswith(self.expected or ("\0",)):
            self.errors.append(f"{response.status} {response.request.method} {response.url}")


@pytest.fixture
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE)
    yield Tab(page)
    await context.close()


@pytest.fixture
async def admin(site: Server, tab: Tab) -> Person:
    """The administrator, signed in in the tab; she has read the news of the release."""
    ada = await site.sign_up("Ada")
    (await ada.post("/api/v1/users/user/settings/update", {"ui": {"version": "0.12.4"}})).ok()
    await tab.page.add_init_script(f"localStorage.token = '{ada.token}'")
    return ada
