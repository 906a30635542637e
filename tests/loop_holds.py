"""Measure how long the event loop is held: in processor time, so that other programs' load does not count."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


class LoopHolds:
    """The longest holds of the loop in milliseconds of processor time.

    Attributes:
        callback: of one callback of the loop.
        interpreter: of one call, of any thread, that kept others from running.
    """

    def __init__(self) -> None:
        self.callback = 0.0
        self.interpreter = 0.0
        self.slowest = ""
        self.peak_memory = 0.0

    @property
    def longest(self) -> float:
        return max(self.callback, self.interpreter)


@contextmanager
def measure_holds() -> Iterator[LoopHolds]:
    """Measure until the end of the context."""
    # What other tests left in this process is not looked through by collections in the middle of the measurement.
    gc.collect()
    gc.freeze()
    holds = LoopHolds()
    run = asyncio.Handle._run
    has_ended = threading.Event()

    def run_measured(handle: asyncio.Handle) -> None:
        started = time.thread_time()
        run(handle)
        duration = (time.thread_time() - started) * 1000
        if duration > holds.callback:
            holds.callback, holds.slowest = duration, repr(handle)

    def sample_interpreter() -> None:
        before = time.process_time()
        while not has_ended.is_set():
            time.sleep(0.001)
            now = time.process_time()
            holds.interpreter = max(holds.interpreter, (now - before) * 1000)
            holds.peak_memory = max(holds.peak_memory, read_resident_memory())
            before = time.process_time()

    sampler = threading.Thread(target=sample_interpreter)
    sampler.start()
    try:
        with mock.patch.object(asyncio.Handle, "_run", run_measured):
            yield holds
    finally:
        has_ended.set()
        sampler.join()
        gc.unfreeze()


def read_resident_memory() -> float:
    """Return the resident memory of this process in MB."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * 4096 / 1e6
