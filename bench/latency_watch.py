"""`python -m bench.latency_watch URL TOKEN INTERVAL`: read the list of models every INTERVAL seconds.

It stops at the end of standard input, and prints the response times.

It runs in its own process, so that the measuring code does not wait for the measured work. The output is a JSON list of
milliseconds.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from bench.servers import Running


@contextmanager
def watch_latency(running: Running, interval: float, priority: Sequence[str] = ()) -> Iterator[list[float]]:
    """Read the list of models until the end of the context; the list has the milliseconds afterwards.

    `priority` is a command that runs another one with a priority.
    """
    command = [*priority, sys.executable, "-m", "bench.latency_watch", running.url, running.token, str(interval)]
    watch = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    times: list[float] = []
    try:
        yield times
    finally:
        output, _ = watch.communicate(b"")
        times += json.loads(output)


def main() -> None:
    url, token, interval = sys.argv[1:]
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    times: list[float] = []
    while not select.select([sys.stdin], [], [], float(interval))[0]:
        started = time.perf_counter()
        connection.request("GET", "/api/models", headers={"authorization": f"Bearer {token}"})
        connection.getresponse().read()
        times.append((time.perf_counter() - started) * 1000)
    os.write(1, json.dumps(times).encode())


if __name__ == "__main__":
    main()
