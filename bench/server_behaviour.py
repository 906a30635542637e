"""How an HTTP server in front of the application treats clients that leave, that are slow, and a stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from bench.page_client import Tab
from bench.servers import Running, call_json

#: Tokens of an answer that is running at the stop: two seconds at twenty a second, within the grace period.
STOP_TOKENS = 40
_LEAVING_SECONDS, _HEADER_SECONDS, _STOP_SECONDS = 5.0, 8.0, 30.0


class Behaviour(NamedTuple):
    """What was seen: texts for the table."""

    client_gone: str
    slow_header: str
    large_header: str
    api_stream: str
    page_answer: str
    stopped_after: str


def build_headers(server: Running) -> dict[str, str]:
    return {"authorization": f"Bearer {server.token}"}


async def check_leaving(server: Running, upstream: str) -> str:
    """Leave in the middle of a stream, and return after how long the model server has noticed it."""
    marker = uuid.uuid4().hex
    question = {"role": "user", "content": f"Go {marker} [[tokens 400]]"}
    body = {"model": "demo-small", "stream": True, "messages": [question]}
    async with aiohttp.ClientSession(headers=build_headers(server)) as session:
        response = await session.post(f"{server.url}/api/chat/completions", json=body)
        await response.content.readany()
        response.close()
    left = time.monotonic()
    while time.monotonic() - left < _LEAVING_SECONDS:
        records = await asyncio.to_thread(call_json, f"{upstream}/_requests")
        if any(marker in json.dumps(record["body"]) and record["gone"] for record in records):
            return f"noticed after {time.monotonic() - left:.1f} s"
        await asyncio.sleep(0.05)
    return f"not noticed within {_LEAVING_SECONDS:.0f} s"


async def check_slow_header(server: Running) -> str:
    """Send half of a header, and return what follows; the limit of the application is set to two seconds."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"GET /health HTTP/1.1\r\nhost: bench\r\nx-slow: ")
    started = time.monotonic()
    try:
        async with asyncio.timeout(_HEADER_SECONDS):
            line = (await reader.read(100)).split(b"\r\n", 1)[0].decode()
        return f"{line or 'closed'} after {time.monotonic() - started:.1f} s"
    except TimeoutError:
        return f"waits for more than {_HEADER_SECONDS:.0f} s"
    except ConnectionError:
        return f"reset after {time.monotonic() - started:.1f} s"
    finally:
        writer.close()


async def check_large_header(server: Running) -> str:
    """Send a header of 200 kB, and return the response."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"GET /health HTTP/1.1\r\nhost: bench\r\nx-large: " + b"a" * 200_000 + b"\r\n\r\n")
    try:
        async with asyncio.timeout(5):
            return (await reader.read(100)).split(b"\r\n", 1)[0].decode() or "closed"
    except (TimeoutError, ConnectionError) as error:
        return type(error).__name__
    finally:
        writer.close()


async def _stream_over_api(server: Running) -> str:
    question = {"role": "user", "content": f"Go [[tokens {STOP_TOKENS}]]"}
    body = {"model": "demo-small", "stream": True, "messages": [question]}
    try:
        async with (
            aiohttp.ClientSession(headers=build_headers(server)) as session,
            session.post(f"{server.url}/api/chat/completions", json=body) as response,
        ):
            text = await response.text()
    except aiohttp.ClientError as error:
        return f"broken: {type(error).__name__}"
    return "complete" if "[DONE]" in text and f"word{STOP_TOKENS - 1} " in text else "cut off"


async def _ask_on_page(tab: Tab, session: aiohttp.ClientSession) -> str:
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await tab.ask(session, f"Go [[tokens {STOP_TOKENS}]]")
    except (TimeoutError, RuntimeError, IndexError, aiohttp.ClientError) as error:
        return f"not received: {type(error).__name__}"
    return "received"


async def check_stop(server: Running) -> tuple[str, str, str]:
    """Stop the server during a stream over the API and an answer on a page; return what became of both, and when.

    The page's answer counts as received where its page got the end over the socket.
    """
    tab = Tab(server)
    await tab.open()
    async with aiohttp.ClientSession() as session:
        stream = asyncio.create_task(_stream_over_api(server))
        page = asyncio.create_task(_ask_on_page(tab, session))
        await asyncio.sleep(0.7)
        started = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        await asyncio.to_thread(_wait_for_end, server.pid)
        seconds = time.monotonic() - started
        await asyncio.sleep(0.3)
        page.cancel()
        results = await asyncio.gather(stream, page, return_exceptions=True)
    with suppress(Exception):
        await tab.close()
    stream_result, page_result = (
        "not received" if isinstance(result, BaseException) else str(result) for result in results
    )
    return stream_result, page_result, f"{seconds:.1f} s" if seconds < _STOP_SECONDS else "does not stop"


def _wait_for_end(pid: int) -> None:
    """Wait until a child process has ended, or the patience is over."""
    until = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except OSError:
            return
        time.sleep(0.02)


async def check_behaviour(server: Running, upstream: str) -> Behaviour:
    """Check all, and stop the server at the end."""
    client_gone = await check_leaving(server, upstream)
    slow_header = await check_slow_header(server)
    large_header = await check_large_header(server)
    return Behaviour(client_gone, slow_header, large_header, *await check_stop(server))
