"""Let others run between two slices of long work on the event loop.

A request needs several turns of the loop: its bytes arrive, its handler waits for the database, its response leaves.
Work that goes on in the very next turn makes it wait for a slice in each of them. So a slice is followed by a pause
while others have something to do.
"""

from __future__ import annotations

import asyncio
import time

#: Seconds of a turn of the loop from which on others had work in it: an idle turn takes a hundredth of a millisecond.
_BUSY_TURN = 0.00005
#: Seconds of a pause, in which requests have many turns.
_PAUSE = 0.001


async def let_others_run() -> None:
    """Wait for the next turn of the event loop, and some more while other work is under way."""
    started = time.perf_counter()
    await asyncio.sleep(0)
    if time.perf_counter() - started > _BUSY_TURN:
        await asyncio.sleep(_PAUSE)
