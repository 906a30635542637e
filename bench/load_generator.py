"""A load generator for keep-alive HTTP/1.1 over raw sockets, which must cost less than the measured server.

`python -m bench.load_generator URL SECONDS CONNECTIONS` reads the request's header lines from standard input and prints
`{"rate": requests a second, "p50": ms, "p99": ms, "bad": responses with another status than 200}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit


class Connection(asyncio.Protocol):
    """Send the same request again whenever a response is complete."""

    def __init__(self, request: bytes, until: float, times: list[float]) -> None:
        self._request = request
        self._until = until
        self._times = times
        self._buffer = b""
        self._sent = 0.0
        self.bad = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send_request()

    def _send_request(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]

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
            self.done.set_result(None)


async def run_load() -> None:
    url = urlsplit(sys.argv[1])
    seconds, count = float(sys.argv[2]), int(sys.argv[3])
    spec = json.loads(sys.stdin.read() or "{}")
    body = spec.get("body", "").encode()
    lines = [
        f"{spec.get('method', 'GET')} {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1",
        f"host: {url.netloc}",
    ]
    lines += [f"{name}: {value}" for name, value in spec.get("headers", {}).items()]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    times: list[float] = []
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    connections = []
    for _ in range(count):
        _, connection = await loop.create_connection(
            lambda: Connection(request, started + seconds, times), url.hostname, url.port
        )
        connections.append(connection)
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in connections)), seconds + 60)
    spent = time.perf_counter() - started
    times.sort()
    print(
        json.dumps(
            {
                "rate": len(times) / spent,
                "p50": times[len(times) // 2] * 1000,
                "p99": times[int(len(times) * 0.99)] * 1000,
                "bad": sum(connection.bad for connection in connections),
            }
        )
    )


if __name__ == "__main__":
    import uvloop

    uvloop.run(run_load())
