"""How long the event loop is held, and how much memory is taken: by processor time, as the machine may be busy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Costs:
    """The longest step of the loop (seconds of processor time) and the memory at the peak (bytes above the start)."""

    longest_step: float = 0.0
    peak_memory: int = 0


def _read_memory(name: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{name}:"))


@contextmanager
def measure_costs() -> Iterator[Costs]:
    """Measure what happens while the context is open."""
    costs = Costs()
    run = asyncio.events.Handle._run

    def measure_step(handle: asyncio.events.Handle) -> None:
        start = time.thread_time()
        run(handle)
        costs.longest_step = max(costs.longest_step, time.thread_time() - start)

    start_memory = _read_memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now on
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.events.Handle, "_run", measure_step)
        yield costs
    costs.peak_memory = _read_memory("VmHWM") - start_memory
