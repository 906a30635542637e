"""All web services in one server on loopback, and a client that redirects every request to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from fastback.config.definitions import compute_defaults
from fastback.config.store import Config

A, B = "https://a.example/1", "https://b.example/2"


class StubServices:
    """All search services in one server on loopback, with `answers` by host; `requests` records what it receives."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.url = ""
        self.session: aiohttp.ClientSession

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        text = await request.text()
        self.bodies.append(json.loads(text) if text.startswith(("{", "[")) else text)
        answers = self.answers[request.headers["x-asked-host"]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, int):
            return web.json_response({"error": "no"}, status=answer)
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)

    def request(self, method: str, url: Any, **options: Any) -> Any:
        """Send a request as a client session does, but to this server whatever the address is."""
        parts = urlsplit(str(url))
        options["headers"] = {**options.get("headers", {}), "x-asked-host": parts.netloc}
        options.pop("proxy", None)
        stub_url = f"{self.url}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
        return self.session.request(method, aiohttp.client.URL(stub_url, encoded=True), **options)

    def post(self, url: Any, **options: Any) -> Any:
        return self.request("POST", url, **options)

    def last_address(self) -> str:
        """Return the host and path of the last request."""
        return self.requests[-1].headers["x-asked-host"] + self.requests[-1].raw_path.partition("?")[0]


@asynccontextmanager
async def serve_services() -> AsyncIterator[StubServices]:
    """Run the services while the context is open."""
    services = StubServices()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", services.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    services.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as services.session:
        yield services
    await runner.cleanup()


class ConfigValues:
    """Configuration from a dict, with the defaults for missing keys."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {**compute_defaults({}), **values}

    def __getattr__(self, name: str) -> Any:
        return getattr(Config, name).__get__(self)

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)
