"""Which processes use the machine's cores during a measurement: the server, its database and Redis, the model server.

A load generator that shares the machine with the server takes processor time from it. The seconds that the server's
processes have computed do not depend on that, and show what a request costs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.process_figures import list_descendants

_TICKS = os.sysconf("SC_CLK_TCK")
_MODEL_SERVER = "fastback.demo"


class Shares(NamedTuple):
    """Seconds of processor time."""

    server: float
    services: float
    model: float

    def subtract(self, earlier: Shares) -> Shares:
        return Shares(*(now - before for now, before in zip(self, earlier, strict=True)))


def read_process_time(pid: int) -> float:
    """Return the seconds that a process has computed, 0 where it has ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def read_tree_time(pid: int) -> float:
    """Return the seconds that a process and its descendants have computed."""
    return sum(read_process_time(process_id) for process_id in (pid, *list_descendants(pid)))


def read_family_time(pid: int) -> float:
    """Return the seconds that a process, its descendants, and its children that have ended have computed."""
    ended = 0.0
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ended = (int(fields[13]) + int(fields[14])) / _TICKS
    return read_tree_time(pid) + ended


def find_redis(port: int) -> list[int]:
    """List the Redis server on this port that this process has started."""
    process_ids = []
    for pid in list_descendants(os.getpid()):
        with suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_text()
            if line.startswith("redis-server") and str(port) in line:
                process_ids.append(pid)
    return process_ids


def find_model_server() -> list[int]:
    """List the processes of the demo model server that this process has started."""
    process_ids = []
    for pid in list_descendants(os.getpid()):
        with suppress(OSError):
            if _MODEL_SERVER in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                process_ids.append(pid)
    return process_ids


def read_shares(server_ids: Iterable[int], service_ids: Iterable[int]) -> Shares:
    """Return what servers, their services and the model server have computed, each with its children."""
    return Shares(
        sum(map(read_tree_time, server_ids)),
        sum(map(read_family_time, service_ids)),
        sum(map(read_process_time, find_model_server())),
    )
