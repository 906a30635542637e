"""Pages that ask for answers again and again: the tokens per second that all of them receive."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import NamedTuple

import aiohttp
import socketio

from bench.machine import read_idle_time
from bench.page_client import Tab, measure_first_token
from bench.servers import Running

#: Seconds that an answer may take; a page that waited so long asks no more.
_PATIENCE = 30.0


class StreamFigures(NamedTuple):
    """`processor` and `idle` are seconds, of this process and of the machine's cores."""

    tokens: int
    seconds: float
    processor: float
    idle: float
    failures: list[str]


async def measure_streams(server: Running, *, pages: int, tokens: int, seconds: float) -> StreamFigures:
    """Let each page ask for this many tokens until the time is over; the last answers are awaited."""
    tabs = [Tab(server) for _ in range(pages)]
    answers, failures = 0, []
    results = await asyncio.gather(*(tab.open() for tab in tabs), return_exceptions=True)
    failures += [f"a page did not open: {result}" for result in results if isinstance(result, Exception)]
    tabs = [tab for tab, result in zip(tabs, results, strict=True) if not isinstance(result, Exception)]

    async def ask_repeatedly(tab: Tab, until: float) -> None:
        nonlocal answers
        while time.perf_counter() < until:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await tab.ask_question(session, tokens)
                answers += 1
            except (RuntimeError, TimeoutError, aiohttp.ClientError) as error:
                failures.append(f"{type(error).__name__}: {error}"[:200])
                return

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started, processor, idle = time.perf_counter(), time.process_time(), read_idle_time()
        await asyncio.gather(*(ask_repeatedly(tab, started + seconds) for tab in tabs))
        spent = time.perf_counter() - started
        processor, idle = time.process_time() - processor, read_idle_time() - idle
    await asyncio.gather(*(tab.close() for tab in tabs))
    return StreamFigures(answers * tokens, spent, processor, idle, failures)


async def measure_median_first_token(server: Running, times: int) -> float | None:
    """Return the median of the seconds until the first token of consecutive short answers; None where one fails."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return statistics.median(await measure_first_token(server, times))
    except (RuntimeError, TimeoutError, aiohttp.ClientError, socketio.exceptions.SocketIOError):
        return None
