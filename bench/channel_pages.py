"""`python -m bench.channel_pages URL`: pages of the members of a channel; reports when all have received a message.

The first line of standard input is a JSON list of tokens, one for each page. The first line of the output says that
all pages are connected. Each later one is the number of a message and the time, by the monotonic clock, at which the
last page received it. The process stops when standard input ends.

The pages speak the protocol of sockets themselves and decode no message, so that they take little of the machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter

import aiohttp

#: How a message begins, and where its number is found in what pages receive.
CONTENT = "message {number}: "
_EVENT, _NUMBER = '42["events:channel"', re.compile(r'"type": ?"message".{0,2000}?"content": ?"message (\d+): ')
#: Pages that connect at once, and seconds until the rooms are joined.
_CONNECTING, _JOINING_SECONDS = 10, 2.0


class Receivers:
    """Count the pages that have received each message."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._counts: Counter[str] = Counter()

    def receive(self, packet: str) -> None:
        """Count a message that a page has received; report it where the page is the last one."""
        match = _NUMBER.search(packet) if packet.startswith(_EVENT) else None
        if match is None:
            return
        self._counts[match[1]] += 1
        if self._counts[match[1]] == self._pages:
            write_line([int(match[1]), time.monotonic()])


def write_line(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def run_page(websocket: aiohttp.ClientWebSocketResponse, receivers: Receivers) -> None:
    """Answer pings and count messages."""
    async for frame in websocket:
        packet = str(frame.data)
        if packet == "2":
            await websocket.send_str("3")
        else:
            receivers.receive(packet)


async def open_page(
    session: aiohttp.ClientSession, url: str, token: str, limit: asyncio.Semaphore
) -> aiohttp.ClientWebSocketResponse:
    """Return the socket of a page, which has joined the rooms of its user's channels."""
    auth = {"auth": {"token": token}}
    async with limit:
        websocket = await session.ws_connect(f"{url}/ws/socket.io/?transport=websocket&EIO=4", max_msg_size=0)
        await websocket.receive_str()
        await websocket.send_str(f"40{json.dumps({'token': token})}")
        await websocket.receive_str()
        await websocket.send_str(f"420{json.dumps(['user-join', auth])}")
        while not (await websocket.receive_str()).startswith("430"):
            pass
        await websocket.send_str(f"42{json.dumps(['join-channels', auth])}")
    return websocket


async def run() -> None:
    tokens: list[str] = json.loads(sys.stdin.readline())
    receivers, limit = Receivers(len(tokens)), asyncio.Semaphore(_CONNECTING)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        websockets = await asyncio.gather(*(open_page(session, sys.argv[1], token, limit) for token in tokens))
        pages = [asyncio.create_task(run_page(websocket, receivers)) for websocket in websockets]
        await asyncio.sleep(_JOINING_SECONDS)
        write_line({"connected": len(websockets)})
        await asyncio.to_thread(sys.stdin.read)
        for page in pages:
            page.cancel()


if __name__ == "__main__":
    asyncio.run(run())
