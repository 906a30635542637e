"""Return free memory to the system: by default glibc's allocator keeps it.

Measured with eight clients that read chats of 80 kB, search, and stream (resident MB): idle 68 → 62, at most 110 → 89,
afterwards 105 → 80; the time of requests is the same. Lower thresholds save no more and make large responses five times
slower, because their buffers are mapped again for each.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys

#: Options of mallopt(3), with the environment variables that set the same in glibc: one arena for all threads, not one
#: for each; free memory above this many bytes is returned; blocks above this many bytes are mapped on their own.
_OPTIONS = (
    ("MALLOC_ARENA_MAX", -8, 1),
    ("MALLOC_TRIM_THRESHOLD_", -1, 4 * 1024 * 1024),
    ("MALLOC_MMAP_THRESHOLD_", -3, 2 * 1024 * 1024),
)

#: The advice MADV_POPULATE_WRITE of madvise(2), and the bytes that one call provides.
_POPULATE_WRITE, _POPULATED_AT_ONCE = 23, 2 * 1024 * 1024


def populate_memory(mapped: mmap.mmap, size: int) -> None:
    """Let the system provide the pages of mapped memory, while other threads run.

    A thread that writes to a missing page keeps other threads from running until it is there: for milliseconds where it
    is a large one. An older system ignores this.
    """
    if not sys.platform.startswith("linux"):
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    for position in range(0, size, _POPULATED_AT_ONCE):
        if madvise(start + position, min(_POPULATED_AT_ONCE, size - position), _POPULATE_WRITE):
            return


def release_free_memory() -> None:
    """Return free memory between blocks that are in use, which the allocator keeps after a burst of work.

    It takes less than a millisecond where there is little to return, and some milliseconds after a burst.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        pass  # another libc


def configure_allocator() -> bool:
    """Make the allocator return memory that large responses needed; return whether it accepted every option.

    Call it before threads are started. Options that the environment sets are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False  # another libc
    return all(bool(mallopt(option, value)) for name, option, value in _OPTIONS if name not in os.environ)
