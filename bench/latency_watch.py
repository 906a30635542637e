"""`python -m bench.latency_watch URL TOKEN BEAT`: reads the list of models every BEAT seconds, until its input
ends; says the times.

In a process of its own, so that nothing that is measured with waits for what is measured. Milliseconds, as a JSON list.
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
    url, token, beat = sys.argv[1:]
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    times: list[float] = []
    while not select.select([sys.stdin], [], [], float(beat))[0]:
        started = time.perf_counter()
        connection.request("GET", "/api/models", headers={"authorization": f"Bearer {token}"})
        connection.getresponse().read()
        times.append((time.perf_counter() - started) * 1000)
    os.write(1, json.dumps(times).encode())


if __name__ == "__main__":
    main()
