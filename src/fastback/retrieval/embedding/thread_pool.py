"""Threads that share the texts of a job. Used by workers only."""

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
        # Background work leaves a core to the server: even beside a computing thread of low priority another thread may
        # wait for the scheduler's next tick, four milliseconds.
        self._background_threads = ThreadPoolExecutor(max(1, min(cores - 1, 8)), initializer=_lower_priority)

    def __call__(self, lengths: Sequence[int], work: Callable[[Sequence[int]], None], *, urgent: bool) -> None:
        """Run `work` with the indices of all texts, given by their lengths; each thread gets about the same amount.

        Work that is not urgent leaves a core free, and has a low priority on the others.
        """
        order = sorted(range(len(lengths)), key=lambda index: lengths[index])
        threads = self._urgent_threads if urgent else self._background_threads
        count = min(threads._max_workers, len(order))
        list(threads.map(work, [order[start::count] for start in range(count)]))


def _lower_priority() -> None:
    """Give the calling thread the lowest priority; only Linux has priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
