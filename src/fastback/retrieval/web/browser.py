"""Reads pages with a browser, for those that write themselves by script. Runs in a worker process.

The browser itself reaches nothing: whatever a page asks for is fetched here, guarded as every fetch is, and handed to
it. Else a page could have it look up names again, and be led into our own network.
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

#: Kinds of content that nobody reads, and the largest answer that a page gets (bytes), and how often it is sent on.
_UNREAD = frozenset({"font", "image", "media"})
LARGEST, HOPS = 20 * 1024 * 1024, 20
#: What a browser would do on its own account.
_FLAGS = (
    "--disable-background-networking",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
#: Headers that follow from the request we make, or from the answer as it came over the wire.
_OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})
_THEIRS = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})


class _Errand:
    """One page."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.url: str = job["url"]
        self.seconds: float = job["seconds"]
        self._follows: bool = job["redirects"]
        self.guard = WebGuard(job["allowed"], allow_local=job["local"])
        self._checked: bool = job["checked"]
        self._proxies: bool = job["proxies"]

    def client(self) -> aiohttp.ClientSession:
        connector = self.guard.make_connector(ssl=self._checked)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._proxies,
            timeout=aiohttp.ClientTimeout(total=self.seconds),
        )

    async def answer(self, route: Any, client: aiohttp.ClientSession) -> None:
        """Give the page what it asks for, or nothing."""
        request = route.request
        if request.resource_type in _UNREAD:
            await route.abort()
            return
        try:
            status, headers, body = await self._fetched(request, client)
        except (BlockedAddress, aiohttp.ClientError, TimeoutError, OSError, ValueError):
            await route.abort()
            return
        await route.fulfill(status=status, headers=headers, body=body)

    async def _fetched(self, request: Any, client: aiohttp.ClientSession) -> tuple[int, dict[str, str], bytes]:
        given = {name: value for name, value in (await request.all_headers()).items() if name.lower() not in _OURS}
        given = {name: value for name, value in given.items() if not name.startswith(":")}
        url, cookies = request.url, []
        for _ in range(HOPS):
            await self.guard.check_url(url)
            async with client.request(
                request.method, url, headers=given, data=request.post_data_buffer, allow_redirects=False
            ) as response:
                onward = response.headers.get("location")
                if 300 <= response.status < 400 and onward:
                    if not self._follows:
                        raise ValueError("sent on")
                    cookies += response.headers.getall("set-cookie", [])
                    url = urljoin(url, onward)
                    continue
                return response.status, _headers(response, cookies), await _limited(response)
        raise ValueError("sent on too often")


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > LARGEST:
            raise ValueError("too large")
    return bytes(body)


def _headers(response: aiohttp.ClientResponse, cookies: list[str]) -> dict[str, str]:
    """As the browser takes them: cookies line by line, others that come twice in one."""
    found: dict[str, list[str]] = {"set-cookie": list(cookies)} if cookies else {}
    for name, value in response.headers.items():
        if name.lower() not in _THEIRS:
            found.setdefault(name.lower(), []).append(value)
    return {name: ("\n" if name == "set-cookie" else ", ").join(values) for name, values in found.items()}


async def _browser(playwright: Any, address: str) -> Any:
    """A browser elsewhere, or one of our own: Playwright's, or the system's."""
    if address:
        return await playwright.chromium.connect(address)
    installed = os.path.exists(playwright.chromium.executable_path)
    own = None if installed else shutil.which("chromium") or shutil.which("google-chrome")
    flags = list(_FLAGS)
    # As root Chromium runs without its sandbox or not at all.
    if os.name == "posix" and os.geteuid() == 0:
        flags.append("--no-sandbox")
    return await playwright.chromium.launch(executable_path=own, args=flags)


async def _read(job: dict[str, Any]) -> dict[str, Any]:
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError:
        raise JobFailed("reading pages with a browser needs the package playwright: fastback[browser]") from None
    errand = _Errand(job)
    try:
        async with async_playwright() as playwright, errand.client() as client:
            browser = await _browser(playwright, job["browser"])
            try:
                # Of the context, so that what a page opens beside itself reaches no more than the page.
                context = await browser.new_context(service_workers="block", ignore_https_errors=not job["checked"])
                await context.route("**/*", lambda route: errand.answer(route, client))
                await context.route_web_socket("**/*", lambda socket: socket.close())
                page = await context.new_page()
                await page.goto(errand.url, timeout=errand.seconds * 1000)
                content = (await page.content()).encode("utf-8", "replace")
                await context.unroute_all(behavior="ignoreErrors")
            finally:
                await browser.close()
    except Error as error:
        raise JobFailed(f"the browser: {error.message}") from None
    return html.read(content, "utf-8")


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """A job of the workers: `{"url", "browser", "seconds", "allowed", "local", "checked", "proxies", "redirects"}`."""
    return asyncio.run(_read(job))
