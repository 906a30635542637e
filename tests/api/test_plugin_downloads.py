"""Loading tools and functions from an address."""

from __future__ import annotations

import pytest
from aiohttp import web

from conftest import Person
from stub_server import serve_handler


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["tools", "functions"])
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "text/plain; charset=unknown", "text/plain; charset=utf-8"]
)
async def test_servers_need_not_name_a_charset(ada: Person, kind: str, content_type: str | None) -> None:
    async def handle(request: web.Request) -> web.Response:
        headers = {"content-type": content_type} if content_type else {}
        return web.Response(body="# Äpfel".encode(), headers=headers)

    async with serve_handler(handle) as url:
        plugin = (await ada.post(f"/api/v1/{kind}/load/url", {"url": f"{url}/apples.py"})).ok()
    assert plugin == {"name": "apples", "content": "# Äpfel"}
