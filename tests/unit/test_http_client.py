"""The client of every outgoing request."""

from __future__ import annotations

import asyncio
import gzip

import aiohttp
import uvicorn
from aiohttp import web

from fastback.providers.http_client import IDLE_SECONDS, make_client
from fastback.settings import Environment, load_settings
from stub_server import serve_handler


async def test_unused_connections_are_closed_before_model_servers_close_them() -> None:
    """A request that is sent while the server closes the connection fails, and a question is not repeated."""
    assert uvicorn.Config("model:server").timeout_keep_alive > IDLE_SECONDS
    ports: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response(text="ok")

    async with make_client(load_settings(Environment({}))) as client, serve_handler(answer) as url:
        connector = client.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        assert connector._keepalive_timeout == IDLE_SECONDS
        for _ in range(2):
            async with client.get(url) as response:
                assert await response.text() == "ok"
    assert ports[0] == ports[1]


async def test_a_packed_body_is_unpacked_as_it_is_read() -> None:
    """What is unpacked before somebody reads it is unpacked in one turn of the event loop."""
    packed = gzip.compress(b" " * 20_000_000)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"content-encoding": "gzip"})

    client = make_client(load_settings(Environment({})))
    async with client, serve_handler(answer) as url, client.get(url) as response:
        await asyncio.sleep(0.1)
        unpacked = len(response.content._read_nowait(-1))
        assert 0 < unpacked <= 256 * 1024
        assert unpacked + len(await response.read()) == 20_000_000
