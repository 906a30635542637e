"""A load generator for keep-alive HTTP/1.1 over raw sockets, which must cost less than the measured server.

`python -m bench.load_generator URL SECONDS CONNECTIONS` reads a JSON object from standard input: `headers`, `method`,
`body`, `paths`, which each connection requests in turn in place of the URL's own, and `addresses`, from which the
connections come in turn. It prints `{"rate": requests a
second, "count": requests, "p50": ms, "p99": ms, "bad": responses with another status than 200, "broken": connections
that were closed early, "processor": seconds of this process, "idle": seconds in which the machine's cores had nothing
to do}`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bench.machine import read_idle_time


class Connection(asyncio.Protocol):
    """Send the next request whenever a response is complete."""

    def __init__(self, requests: Iterator[bytes], until: float, times: list[float]) -> None:
        self._requests = requests
        self._until = until
        self._times = times
        self._buffer = b""
        self._sent = 0.0
        self.bad = 0
        self.is_broken = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send_request()

    def _send_request(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end == -1:
            return
        head = self._buffer[:end].lower()
        position = head.find(b"content-length:")
        if position == -1:
            if not self._buffer.endswith(b"0\r\n\r\n"):
                return
        else:
            size = int(head[position + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + size:
                return
        now = time.perf_counter()
        self._times.append(now - self._sent)
        if b" 200 " not in head[:20]:
            self.bad += 1
        self._buffer = b""
        if now < self._until:
            self._send_request()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.is_broken = True
            self.done.set_result(None)


def build_request(spec: dict[str, Any], host: str, path: str) -> bytes:
    """Return the bytes of the request for a path."""
    body = spec.get("body", "").encode()
    lines = [f"{spec.get('method', 'GET')} {path} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in spec.get("headers", {}).items()]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run_load() -> None:
    url = urlsplit(sys.argv[1])
    seconds, count = float(sys.argv[2]), int(sys.argv[3])
    spec = json.loads(sys.stdin.read() or "{}")
    own_path = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
    requests = [build_request(spec, url.netloc, path) for path in spec.get("paths") or [own_path]]
    times: list[float] = []
    loop = asyncio.get_running_loop()
    started, processor, idle = time.perf_counter(), time.process_time(), read_idle_time()
    connections = []
    addresses = spec.get("addresses") or [None]
    for number in range(count):
        address = addresses[number % len(addresses)]
        _, connection = await loop.create_connection(
            lambda: Connection(itertools.cycle(requests), started + seconds, times),
            url.hostname,
            url.port,
            local_addr=(address, 0) if address else None,
        )
        connections.append(connection)
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in connections)), seconds + 60)
    spent = time.perf_counter() - started
    processor, idle = time.process_time() - processor, read_idle_time() - idle
    times.sort()
    print(
        json.dumps(
            {
                "rate": len(times) / spent,
                "count": len(times),
                "p50": times[len(times) // 2] * 1000 if times else 0.0,
                "p99": times[int(len(times) * 0.99)] * 1000 if times else 0.0,
                "bad": sum(connection.bad for connection in connections),
                "broken": sum(connection.is_broken for connection in connections),
                "processor": processor,
                "idle": idle,
            }
        )
    )


if __name__ == "__main__":
    import uvloop

    uvloop.run(run_load())
