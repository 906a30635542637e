"""Run the load generator in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence


def run_generator(
    url: str,
    token: str | None,
    *,
    seconds: float,
    connections: int = 8,
    body: str = "",
    paths: Sequence[str] = (),
    addresses: Sequence[str] = (),
) -> dict[str, float]:
    """Run the load generator and return its figures, see `bench.load_generator`.

    `paths` are requested in turn, and connections come from the `addresses` in turn.
    """
    spec = {
        "headers": {"authorization": f"Bearer {token}"} if token else {},
        "body": body,
        "method": "POST" if body else "GET",
        "paths": list(paths),
        "addresses": list(addresses),
    }
    command = [sys.executable, "-m", "bench.load_generator", url, str(seconds), str(connections)]
    completed = subprocess.run(command, input=json.dumps(spec).encode(), capture_output=True, check=True)
    figures: dict[str, float] = json.loads(completed.stdout)
    return figures


def measure_load(
    url: str,
    token: str | None,
    *,
    seconds: float,
    connections: int = 8,
    body: str = "",
    paths: Sequence[str] = (),
) -> dict[str, float]:
    """Run the load generator and return its figures.

    Raises:
        RuntimeError: a response did not have the status 200.
    """
    figures = run_generator(url, token, seconds=seconds, connections=connections, body=body, paths=paths)
    if figures["bad"]:
        raise RuntimeError(f"{url}: {figures['bad']:.0f} responses did not have the status 200")
    return figures
