"""A load generator for keep-alive HTTP/1.1 over raw sockets: it must be cheaper than what it measures.

`python -m bench.load_generator URL SECONDS CONNECTIONS` reads the request's header lines from standard input and prints
`{"rate": requests a second, "p50": ms, "p99": ms, "bad": answers that were not 200}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit


class Connection(asyncio.Protocol):
    """Sends the same request again whenever an answer is complete."""

    def __init__(self, request: bytes, until: float, times: list[float]) -> None:
        self._request = request
        self._until = until
        self._times = times
        self._held = b""
        self._sent = 0.0
        self.bad = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._held = self._held + data if self._held else data
        end = self._held.find(b"\r\n\r\n")
        if end == -1:
            return
        head = self._held[:end].lower()
        place = head.find(b"content-length:")
        if place == -1:
            if not self._held.endswith(b"0\r\n\r\n"):
                return
        else:
            size = int(head[place + 15 :].split(b"\r\n", 1)[0])
            if len(self._held) < end + 4 + size:
                return
        now = time.perf_counter()
        self._times.append(now - self._sent)
        if b" 200 " not in head[:20]:
            self.bad += 1
        self._held = b""
        if now < self._until:
            self._next()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def main() -> None:
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
    made = []
    for _ in range(count):
        _, connection = await loop.create_connection(
            lambda: Connection(request, started + seconds, times), url.hostname, url.port
        )
        made.append(connection)
    await asyncio.wait_for(asyncio.gather(*(one.done for one in made)), seconds + 60)
    spent = time.perf_counter() - started
    times.sort()
    print(
        json.dumps(
            {
                "rate": len(times) / spent,
                "p50": times[len(times) // 2] * 1000,
                "p99": times[int(len(times) * 0.99)] * 1000,
                "bad": sum(one.bad for one in made),
            }
        )
    )


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
