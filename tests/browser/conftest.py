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
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Milliseconds that a page may take; other tests may keep the machine busy.
_TIMEOUT = 15_000
expect.set_options(timeout=_TIMEOUT)

#: Console errors that the reference's own page shows too.
IGNORED_ERRORS: tuple[str, ...] = ()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture(scope="session")
def calm_upstream() -> Iterator[str]:
    """Run a model server at the speed of a real one: a page that draws each word must keep up."""
    with running_upstream(rate=150) as url:
        yield url


@pytest.fixture
def variables() -> dict[str, str]:
    """Return further variables of the server; a test module may override this."""
    return {}


@pytest.fixture
async def site(calm_upstream: str, variables: dict[str, str], tmp_path: Path) -> AsyncIterator[Server]:
    """Run a fresh server with the frontend, on SQLite."""
    if not fetch.is_complete(fetch.get_location()):
        pytest.skip("the frontend was not fetched (fastback frontend)")
    env = {
        "OPENAI_API_BASE_URLS": f"{calm_upstream}/v1",
        "OPENAI_API_KEYS": "key",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_VERSION_UPDATE_CHECK": "false",
        # Disabled channels answer 403, also to the page's first request, which may come before it knows the setting.
        "ENABLE_CHANNELS": "true",
        **variables,
    }
    async with run_server(env, tmp_path, "sqlite") as server:
        yield server


#: Elements that turn while something loads.
_SPINNERS = ".spinner_ajPY, .animate-spin"


class Tab:
    """A page and the errors that occurred in it.

    Attributes:
        expected: ends of the addresses whose refusal the reference's page meets, too.
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
        """Wait until no request has been open for `quiet` seconds and no spinner turns.

        Raises:
            TimeoutError: requests or spinners remain after `patience` seconds.
        """
        start = time.monotonic()
        while True:
            now = time.monotonic()
            is_quiet = not self._waiting and now - self._quiet_since >= quiet
            if is_quiet and not await self.page.locator(_SPINNERS).locator("visible=true").count():
                return
            if now - start > patience:
                raise TimeoutError(
                    f"{self.page.url} is not settled; waiting for {[request.url for request in self._waiting]}"
                )
            await asyncio.sleep(0.02)

    def _on_request(self, request: Any) -> None:
        if "/ws/socket.io" not in request.url:  # the socket stays open
            self._waiting.add(request)
            self.requests.append(f"{request.method} {request.url}")

    def _mark_answered(self, request: Any) -> None:
        self._waiting.discard(request)
        self._quiet_since = time.monotonic()

    def _on_failure(self, request: Any) -> None:
        """Record a failed request, except one that leaving its page aborted."""
        self._mark_answered(request)
        if "ERR_ABORTED" not in (request.failure or ""):
            self.errors.append(f"{request.failure} {request.method} {request.url}")

    def _on_console_message(self, message: Any) -> None:
        if message.type != "error" or any(text in message.text for text in IGNORED_ERRORS):
            return
        if not str(message.location.get("url", "")).endswith(self.expected or ("\0",)):
            self.errors.append(f"console: {message.text}")

    def _on_response(self, response: Any) -> None:
        """Record an error status. A request is answered when its response begins, as the page may not read the body."""
        self._mark_answered(response.request)
        if response.status >= 400 and not response.url.endswith(self.expected or ("\0",)):
            self.errors.append(f"{response.status} {response.request.method} {response.url}")


@pytest.fixture
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    """Open an empty tab in a fresh browser context."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    page = await context.new_page()
    page.set_default_timeout(_TIMEOUT)
    yield Tab(page)
    await context.close()


@pytest.fixture
async def admin(site: Server, tab: Tab) -> Person:
    """Sign the administrator in in the tab, with the release notes already read."""
    ada = await site.sign_up("Ada")
    (await ada.post("/api/v1/users/user/settings/update", {"ui": {"version": "0.12.4"}})).ok()
    await tab.page.add_init_script(f"localStorage.token = '{ada.token}'")
    return ada
