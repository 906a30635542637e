"""Read pages with a browser, for pages that are built by scripts. Runs in a worker process.

The browser has no network access of its own: all that a page requests is fetched here, guarded as any other fetch, and
handed to it. Otherwise a page could make it resolve names again, and reach the internal network.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import Any
from urllib.parse import urljoin

import aiohttp

from fastback.kit.web_guard import BlockedAddress, WebGuard
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.web import html

#: Kinds of resources that are not loaded; the largest response in bytes, and the number of redirects.
_SKIPPED_RESOURCES = frozenset({"font", "image", "media"})
MAX_RESPONSE_BYTES, MAX_REDIRECTS = 20 * 1024 * 1024, 20
#: Switch off what a browser would do on the network by itself.
_FLAGS = (
    "--disable-background-networking",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
#: Headers that our own request sets, and those of a response that only describe its transfer.
_REPLACED_REQUEST_HEADERS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})
_DROPPED_RESPONSE_HEADERS = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})


class _PageVisit:
    """The requests of one page."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.url: str = job["url"]
        self.seconds: float = job["seconds"]
        self._follow_redirects: bool = job["redirects"]
        self.guard = WebGuard(job["allowed"], allow_local=job["local"])
        self._verify_tls: bool = job["checked"]
        self._use_proxies: bool = job["proxies"]

    def open_client(self) -> aiohttp.ClientSession:
        """Return a client that connects only to allowed addresses."""
        connector = self.guard.make_connector(ssl=self._verify_tls)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._use_proxies,
            timeout=aiohttp.ClientTimeout(total=self.seconds),
        )

    async def answer_route(self, route: Any, client: aiohttp.ClientSession) -> None:
        """Give the page what it requests, or abort the request."""
        request = route.request
        if request.resource_type in _SKIPPED_RESOURCES:
            await route.abort()
            return
        try:
            status, headers, body = await self._fetch_response(request, client)
        except (BlockedAddress, aiohttp.ClientError, TimeoutError, OSError, ValueError):
            await route.abort()
            return
        await route.fulfill(status=status, headers=headers, body=body)

    async def _fetch_response(self, request: Any, client: aiohttp.ClientSession) -> tuple[int, dict[str, str], bytes]:
        request_headers = {
            name: value
            for name, value in (await request.all_headers()).items()
            if name.lower() not in _REPLACED_REQUEST_HEADERS
        }
        request_headers = {name: value for name, value in request_headers.items() if not name.startswith(":")}
        url, cookies = request.url, []
        for _ in range(MAX_REDIRECTS):
            await self.guard.check_url(url)
            async with client.request(
                request.method, url, headers=request_headers, data=request.post_data_buffer, allow_redirects=False
            ) as response:
                location = response.headers.get("location")
                if 300 <= response.status < 400 and location:
                    if not self._follow_redirects:
                        raise ValueError("redirected")
                    cookies += response.headers.getall("set-cookie", [])
                    url = urljoin(url, location)
                    continue
                return response.status, _build_headers(response, cookies), await _read_limited(response)
        raise ValueError("too many redirects")


async def _read_limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise ValueError("too large")
    return bytes(body)


def _build_headers(response: aiohttp.ClientResponse, cookies: list[str]) -> dict[str, str]:
    """Return the headers as the browser expects them: cookies separated by line ends, other repeated ones by commas."""
    values_by_name: dict[str, list[str]] = {"set-cookie": list(cookies)} if cookies else {}
    for name, value in response.headers.items():
        if name.lower() not in _DROPPED_RESPONSE_HEADERS:
            values_by_name.setdefault(name.lower(), []).append(value)
    return {name: ("\n" if name == "set-cookie" else ", ").join(values) for name, values in values_by_name.items()}


async def _open_browser(playwright: Any, address: str) -> Any:
    """Connect to a remote browser, or start a local one: Playwright's, else the system's."""
    if address:
        return await playwright.chromium.connect(address)
    is_installed = os.path.exists(playwright.chromium.executable_path)
    executable = None if is_installed else shutil.which("chromium") or shutil.which("google-chrome")
    flags = list(_FLAGS)
    # Chromium refuses to run as root with its sandbox.
    if os.name == "posix" and os.geteuid() == 0:
        flags.append("--no-sandbox")
    return await playwright.chromium.launch(executable_path=executable, args=flags)


async def _read_page(job: dict[str, Any]) -> dict[str, Any]:
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError:
        raise JobFailed("reading pages with a browser needs the package playwright: fastback[browser]") from None
    visit = _PageVisit(job)
    try:
        async with async_playwright() as playwright, visit.open_client() as client:
            browser = await _open_browser(playwright, job["browser"])
            try:
                # Routes are set for the context, so that windows which the page opens are guarded, too.
                context = await browser.new_context(service_workers="block", ignore_https_errors=not job["checked"])
                await context.route("**/*", lambda route: visit.answer_route(route, client))
                await context.route_web_socket("**/*", lambda socket: socket.close())
                page = await context.new_page()
                response = await page.goto(visit.url, timeout=visit.seconds * 1000)
                if response is not None and not response.ok:
                    raise JobFailed(f"the server responded with {response.status}")
                content = (await page.content()).encode("utf-8", "replace")
                await context.unroute_all(behavior="ignoreErrors")
            finally:
                await browser.close()
    except Error as error:
        raise JobFailed(f"the browser: {error.message}") from None
    return html.read_page(content, "utf-8")


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job of the workers.

    Its keys: `url`, `browser`, `seconds`, `allowed`, `local`, `checked`, `proxies`, `redirects`.
    """
    return asyncio.run(_read_page(job))
