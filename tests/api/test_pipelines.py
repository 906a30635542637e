"""Pipelines: the requests to their server, and the parts of its replies that are returned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from conftest import Person

PIPELINES = "/api/v1/pipelines"


class PipelinesServer:
    """A pipelines server that records its requests."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/models":
            return web.json_response({"data": [], "pipelines": True})
        body: Any = None
        if request.content_type == "multipart/form-data":
            part = await (await request.multipart()).next()
            body = (part.filename, await part.text())  # type: ignore[union-attr]
        elif request.can_read_body:
            body = await request.json()
        self.requests.append((request.method, request.path, request.headers["authorization"], body))
        if request.path == "/broken/valves":
            return web.json_response({"detail": "It is broken"}, status=418)
        return web.json_response({"id": "pipe", "path": request.path})


@pytest.fixture
async def pipelines(ada: Person) -> AsyncIterator[PipelinesServer]:
    stub = PipelinesServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", stub.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = (await ada.get("/openai/config")).ok()
    config["OPENAI_API_BASE_URLS"].append(stub.url)
    config["OPENAI_API_KEYS"].append("pipe-key")
    (await ada.post("/openai/config/update", config)).ok()
    yield stub
    await runner.cleanup()


async def test_requests_are_passed_on_with_the_key(ada: Person, pipelines: PipelinesServer) -> None:
    assert (await ada.get(f"{PIPELINES}/list")).ok() == {"data": [{"url": pipelines.url, "idx": 1}]}
    (await ada.get(f"{PIPELINES}/", urlIdx=1)).ok()
    (await ada.post(f"{PIPELINES}/add", {"url": "https://example.com/pipe.py", "urlIdx": 1})).ok()
    form = aiohttp.FormData({"urlIdx": "1"}, quote_fields=False)
    form.add_field("file", b"x = 1\n", filename="../up/pipe.py", content_type="text/x-python")
    assert (await ada.post(f"{PIPELINES}/upload", data=form)).ok()["id"] == "pipe"
    (await ada.delete(f"{PIPELINES}/delete", {"id": "pipe", "urlIdx": 1})).ok()
    (await ada.get(f"{PIPELINES}/pipe/valves", urlIdx=1)).ok()
    (await ada.get(f"{PIPELINES}/pipe/valves/spec", urlIdx=1)).ok()
    (await ada.post(f"{PIPELINES}/pipe/valves/update", {"a": 1}, urlIdx=1)).ok()
    key = "Bearer pipe-key"
    assert pipelines.requests == [
        ("GET", "/pipelines", key, None),
        ("POST", "/pipelines/add", key, {"url": "https://example.com/pipe.py"}),
        ("POST", "/pipelines/upload", key, ("pipe.py", "x = 1\n")),
        ("DELETE", "/pipelines/delete", key, {"id": "pipe"}),
        ("GET", "/pipe/valves", key, None),
        ("GET", "/pipe/valves/spec", key, None),
        ("POST", "/pipe/valves/update", key, {"a": 1}),
    ]


async def test_errors_of_the_server_are_returned(ada: Person, bob: Person, pipelines: PipelinesServer) -> None:
    (await ada.get(f"{PIPELINES}/broken/valves", urlIdx=1)).refused(418, "It is broken")
    (await ada.get(f"{PIPELINES}/pipe/valves", urlIdx=-1)).refused(404, "Pipeline not found")
    (await ada.get(f"{PIPELINES}/..%2Fmodels/valves", urlIdx=1)).refused(404, "Pipeline not found")
    (await bob.get(f"{PIPELINES}/", urlIdx=1)).refused(401)
    assert [path for _, path, _, _ in pipelines.requests] == ["/broken/valves"]
