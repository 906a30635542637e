"""Return memory to the system that loading plugins has left behind.

Imports and the analysis of code leave cycles and gaps of some megabytes. What is loaded stays: the garbage collector
need not look at it again, which makes its later runs short.
"""

from __future__ import annotations

import asyncio
import gc
import threading

from fastback.kit.memory_allocator import release_free_memory

#: Seconds after a plugin was loaded; others are usually loaded at the same time. The work takes a tenth of a second.
PAUSE_SECONDS = 1.0


class MemoryTidying:
    """Tidy up a moment after the last plugin was loaded."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def tidy_soon(self) -> None:
        """Tidy up in a moment; called on the event loop."""
        if threading.current_thread() is not threading.main_thread():
            return  # a plugin waits on the loop for what is loaded here
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._timer = None
        gc.unfreeze()  # replaced versions of plugins are garbage by now
        gc.collect()
        gc.freeze()
        release_free_memory()


#: The only one of the process.
MEMORY = MemoryTidying()
