"""`python -m bench.load_pages`: many open pages in a process of their own, of which some ask again and again.

Standard input: a JSON object with `url`, `tokens` (one for each user), `pages`, `streams`, `answer_tokens` and
`addresses` (the pages connect from these in turn, as a proxy that chooses by address sees many clients). The first line
of the output says that the pages are open. The next line of the input ends the questions; then the process waits for
running answers, reads every chat, and prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

from bench.load_page import LoadFigures, LoadPage

#: Pages that connect at once, seconds until all are open, and chats that are read at once.
_CONNECTING, _OPENING_SECONDS, _READING = 20, 120.0, 8


def write_line(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def ask_repeatedly(page: LoadPage, tokens: int, stopping: asyncio.Event, delay: float) -> None:
    await asyncio.sleep(delay)
    while not stopping.is_set():
        await page.ask(tokens)


async def check_answers(figures: LoadFigures, tokens: int) -> dict[str, int]:
    """Read every chat that was asked in; count answers that are not complete, and messages that exist twice."""
    expected = " ".join(f"word{number}" for number in range(tokens))
    counts = {"answers": len(figures.asked), "incomplete": 0, "duplicated": 0}
    limit = asyncio.Semaphore(_READING)

    async def check(page: LoadPage, chat_id: str, answer_id: str) -> None:
        async with limit:
            chat = await page.request("GET", f"/api/v1/chats/{chat_id}")
        messages = chat["chat"]["history"]["messages"] if chat else {}
        answer = messages.get(answer_id, {})
        is_complete = answer.get("done") and not answer.get("error") and answer.get("content", "").strip() == expected
        counts["incomplete"] += not is_complete
        if not is_complete:
            content = answer.get("content", "")
            print(
                f"incomplete: done {answer.get('done')}, error {answer.get('error')}, {len(content.split())} words of"
                f" {tokens}, ends with {content[-30:]!r}, {len(messages)} messages",
                file=sys.stderr,
            )
        counts["duplicated"] += max(0, len(messages) - 2)

    await asyncio.gather(*(check(*asked) for asked in figures.asked))
    return counts


async def run_pages(spec: dict[str, Any]) -> None:
    figures = LoadFigures()
    connectors = [aiohttp.TCPConnector(limit=0, local_addr=(address, 0)) for address in spec["addresses"]]
    sessions = [aiohttp.ClientSession(connector=connector) for connector in connectors]
    tokens = spec["tokens"]
    pages = [
        LoadPage(sessions[number % len(sessions)], spec["url"], tokens[number % len(tokens)], figures)
        for number in range(spec["pages"])
    ]
    limit = asyncio.Semaphore(_CONNECTING)
    sockets = [asyncio.create_task(page.run(limit)) for page in pages]
    async with asyncio.timeout(_OPENING_SECONDS):
        await asyncio.gather(*(page.is_open.wait() for page in pages))
    stopping = asyncio.Event()
    started, processor = time.perf_counter(), time.process_time()
    asking = [
        asyncio.create_task(ask_repeatedly(page, spec["answer_tokens"], stopping, number / spec["streams"]))
        for number, page in enumerate(pages[: spec["streams"]])
    ]
    write_line({"open": figures.open_pages})
    await asyncio.to_thread(sys.stdin.readline)
    seconds, streamed, open_pages = time.perf_counter() - started, figures.tokens, figures.open_pages
    processor = time.process_time() - processor
    stopping.set()
    await asyncio.gather(*asking)
    counts = await check_answers(figures, spec["answer_tokens"])
    write_line(
        {
            "seconds": seconds,
            "tokens": streamed,
            "processor": processor,
            "open": open_pages,
            "first_tokens": figures.first_tokens,
            "reconnections": figures.reconnections,
            "refused_connections": figures.refused_connections,
            "failures": dict(figures.failures),
            **counts,
        }
    )
    for page in pages:
        page.close()
    for socket in sockets:
        socket.cancel()
    await asyncio.gather(*sockets, return_exceptions=True)
    await asyncio.gather(*(session.close() for session in sessions))


if __name__ == "__main__":
    import uvloop

    uvloop.run(run_pages(json.loads(sys.stdin.readline())))
