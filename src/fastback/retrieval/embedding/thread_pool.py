"""Threads that share the texts of a job. Used by workers alone."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


class ThreadPool:
    """As many threads as there are processors, up to eight."""

    def __init__(self) -> None:
        cores = os.cpu_count() or 1
        self._urgent_threads = ThreadPoolExecutor(min(cores, 8))
        # What nobody waits for leaves a core to the server: however far a computing thread gives way, whoever wakes up
        # beside it may wait for the scheduler's next tick, four milliseconds.
        self._background_threads = ThreadPoolExecutor(max(1, min(cores - 1, 8)), initializer=_lower_priority)

    def __call__(self, lengths: Sequence[int], work: Callable[[Sequence[int]], None], *, urgent: bool) -> None:
        """Have `work` done for the places of all texts, given by their lengths: as much by each thread, about.

        What is not urgent leaves a core free, and gives way on the others.
        """
        order = sorted(range(len(lengths)), key=lambda index: lengths[index])
        threads = self._urgent_threads if urgent else self._background_threads
        count = min(threads._max_workers, len(order))
        list(threads.map(work, [order[start::count] for start in range(count)]))


def _lower_priority() -> None:
    """Let everything else go before the calling thread; on Linux alone niceness is a thread's own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
