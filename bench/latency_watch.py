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
import sys
import time
from urllib.parse import urlsplit


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
